/** One image, four services: `main.ts web|emoji|voting|vote-bot`. */
import { runEmoji } from "./emoji.ts";
import { runVoteBot } from "./vote-bot.ts";
import { runVoting } from "./voting.ts";
import { runWeb } from "./web.ts";

const service = process.argv[2];
switch (service) {
  case "web":
    runWeb();
    break;
  case "emoji":
    runEmoji();
    break;
  case "voting":
    runVoting();
    break;
  case "vote-bot":
    await runVoteBot();
    break;
  default:
    console.error(`Unknown service "${service ?? ""}"; use web, emoji, voting or vote-bot`);
    process.exit(1);
}
