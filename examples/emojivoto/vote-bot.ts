/** The visitor who never sleeps: votes for a random emoji through the web service, a fixed number of times a second. */
import type { Emoji } from "./emojis.ts";
import { hostFrom, onTerminate } from "./serve.ts";

/** Votes beyond this many without an answer are skipped, so that a slow web service is not buried. */
const maxInFlight = 100;

export async function runVoteBot(): Promise<void> {
  const web = `http://${hostFrom("WEB_HOST", "web:80")}`;
  const perSecond = Number(process.env["REQUESTS_PER_SECOND"] ?? "20");
  const list = await emojiList(web);
  let inFlight = 0;
  let failed = 0;
  let sent = 0;

  async function vote(): Promise<void> {
    // One vote in seven goes to the doughnut, which fails on purpose.
    const choice =
      Math.random() < 1 / 7 ? ":doughnut:" : (list[Math.floor(Math.random() * list.length)]?.shortcode ?? ":joy:");
    inFlight++;
    sent++;
    try {
      const answer = await fetch(`${web}/api/vote?choice=${encodeURIComponent(choice)}`, { method: "POST" });
      const body = (await answer.text()).trim().slice(0, 200);
      if (!answer.ok && choice !== ":doughnut:") {
        failed++;
        const proxy = answer.headers.get("l5d-proxy-error") ?? "";
        console.error(`vote for ${choice} at ${new Date().toISOString()}: status ${answer.status} ${body} ${proxy}`);
      }
    } catch (error) {
      failed++;
      console.error(
        `vote for ${choice} at ${new Date().toISOString()}: ${error instanceof Error ? error.message : String(error)}`,
      );
    } finally {
      inFlight--;
    }
  }

  setInterval(() => {
    if (inFlight < maxInFlight) void vote();
  }, 1000 / perSecond);
  setInterval(() => console.log(`sent ${sent}, failed ${failed} (doughnuts not counted)`), 10_000);
  onTerminate(() => {});
}

/** The emojis to vote for; waits for the web service for as long as it takes. */
async function emojiList(web: string): Promise<Emoji[]> {
  for (;;) {
    try {
      const answer = await fetch(`${web}/api/list`);
      if (answer.ok) return (await answer.json()) as Emoji[];
      console.error(`waiting for ${web}: status ${answer.status}`);
    } catch (error) {
      console.error(`waiting for ${web}: ${error instanceof Error ? error.message : String(error)}`);
    }
    await Bun.sleep(500);
  }
}
