/**
 * Command lines as users of Linkerd write them: its flags follow Go's rules, where a switch may say `--ha=true` or
 * `--ha=false` and a short flag `-o=json`. Commander knows neither, so that they are rewritten before it reads them.
 */
import type { Command } from "commander";

/** Rewrites the words for the command at the end of the path of names that `argv` begins with. */
export function fromGoFlags(argv: readonly string[], root: Command): string[] {
  const options = commandOf(argv, root);
  const words: string[] = [];
  for (const [at, word] of argv.entries()) {
    if (word === "--") return [...words, ...argv.slice(at)];
    const [, short, value] = /^(-[a-zA-Z])=(.*)$/s.exec(word) ?? [];
    const switched = options.find((candidate) => candidate.short === short && short !== undefined);
    const [, long, truth] =
      /^(--[a-z0-9-]+)=(true|false)$/.exec(switched?.isBoolean() === true ? `${switched.long}=${value}` : word) ?? [];
    const option = options.find((candidate) => candidate.long === long);
    if (short !== undefined && value !== undefined && long === undefined) words.push(short, value);
    else if (long === undefined || option === undefined || !option.isBoolean()) words.push(word);
    else if (truth === "true") words.push(long);
    else if (options.some((candidate) => candidate.long === long.replace("--", "--no-"))) {
      words.push(long.replace("--", "--no-"));
    }
    // A switch without a negative is off unless it is given.
  }
  return words;
}

function commandOf(argv: readonly string[], root: Command): Command["options"] {
  const options = [...root.options];
  let command = root;
  for (const word of argv) {
    const next = command.commands.find((child) => child.name() === word || child.aliases().includes(word));
    if (next === undefined) continue;
    command = next;
    options.push(...next.options);
  }
  return options;
}
