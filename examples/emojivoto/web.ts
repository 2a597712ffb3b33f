/** The web service: the page, and an API for it that calls the emoji and voting services. */
import page from "./page.html" with { type: "text" };
import { followTally } from "./tally.ts";
import { hostFrom, json, serve } from "./serve.ts";

async function relay(url: string, method: string): Promise<Response> {
  const answer = await fetch(url, { method });
  return new Response(await answer.arrayBuffer(), {
    status: answer.status,
    headers: { "content-type": answer.headers.get("content-type") ?? "application/json" },
  });
}

export function runWeb(): void {
  const emoji = hostFrom("EMOJI_HOST", "emoji:8080");
  const voting = hostFrom("VOTING_HOST", "voting:8080");
  const [tallyHost = "voting", tallyPort = "8801"] = hostFrom("TALLY_HOST", "voting:8801").split(":");
  const tally = followTally(tallyHost, Number(tallyPort));

  serve(8080, {
    "/": () => new Response(String(page), { headers: { "content-type": "text/html; charset=utf-8" } }),
    "/api/list": () => relay(`http://${emoji}/api/list`, "GET"),
    "/api/leaderboard": () => relay(`http://${voting}/api/leaderboard`, "GET"),
    "/api/tally": () => json(Object.fromEntries(tally.votes)),
    "/api/vote": async (request, url) => {
      if (request.method !== "POST") return json({ error: "vote with POST" }, 405);
      const choice = encodeURIComponent(url.searchParams.get("choice") ?? "");
      const found = await fetch(`http://${emoji}/api/find?shortcode=${choice}`);
      await found.arrayBuffer();
      if (!found.ok) return json({ error: "no such emoji" }, found.status);
      return relay(`http://${voting}/api/vote?choice=${choice}`, "POST");
    },
  });
}
