/** The four services of the sample application: `linkerd emojivoto web|emoji|voting|vote-bot`. */
import { runEmoji } from "./emoji.ts";
import { runVoteBot } from "./vote-bot.ts";
import { runVoting } from "./voting.ts";
import { runWeb } from "./web.ts";

const services: Readonly<Record<string, () => void | Promise<void>>> = {
  web: runWeb,
  emoji: runEmoji,
  voting: runVoting,
  "vote-bot": runVoteBot,
};

/** Runs one service until a signal ends the process; resolves (to 1) only when there is no such service. */
export async function main(argv: readonly string[]): Promise<number> {
  const [name = ""] = argv;
  const run = Object.hasOwn(services, name) ? services[name] : undefined;
  if (run === undefined) {
    console.error(`Unknown service "${name}"; use one of ${Object.keys(services).join(", ")}`);
    return 1;
  }
  await run();
  return await new Promise<never>(() => {});
}
