/**
 * The voting service: takes votes and counts them.
 *
 * Voting for the doughnut fails, always and on purpose: it is the fault that the mesh's metrics make visible.
 * Besides HTTP it has a raw TCP port for the tally: the client sends "tally\n" as often as it likes on one connection
 * and gets "SHORTCODE COUNT\n" per emoji with votes, then an empty line.
 */
import { json, serve } from "./serve.ts";

/** A request longer than this many bytes without its line end is refused. */
const maxLine = 1024;

export function runVoting(): void {
  const votes = new Map<string, number>();

  const leaderboard = (): Array<{ shortcode: string; votes: number }> =>
    [...votes]
      .map(([shortcode, count]) => ({ shortcode, votes: count }))
      .toSorted((a, b) => b.votes - a.votes || (a.shortcode < b.shortcode ? -1 : 1));

  serve(8080, {
    "/api/vote": (request, url) => {
      if (request.method !== "POST") return json({ error: "vote with POST" }, 405);
      const choice = url.searchParams.get("choice") ?? "";
      if (!/^:[\w]{1,64}:$/.test(choice)) return json({ error: "choice must be a shortcode such as :joy:" }, 400);
      if (choice === ":doughnut:") return json({ error: "nobody may vote for the doughnut" }, 500);
      if (votes.size >= 1000 && !votes.has(choice)) return json({ error: "too many different emojis" }, 400);
      votes.set(choice, (votes.get(choice) ?? 0) + 1);
      return json({ choice, votes: votes.get(choice) });
    },
    "/api/leaderboard": () => json(leaderboard()),
  });

  Bun.listen<{ line: string }>({
    hostname: "0.0.0.0",
    port: 8801,
    socket: {
      open(socket) {
        socket.data = { line: "" };
      },
      data(socket, chunk) {
        const lines = (socket.data.line + chunk.toString("latin1")).split("\n");
        socket.data.line = lines.pop() ?? "";
        if (socket.data.line.length > maxLine) {
          socket.end("line too long\n");
          return;
        }
        for (const line of lines) {
          if (line.trim() !== "tally") {
            socket.end('say "tally"\n');
            return;
          }
          const text = leaderboard()
            .map((entry) => `${entry.shortcode} ${entry.votes}\n`)
            .join("");
          socket.write(`${text}\n`);
        }
      },
    },
  });
}
