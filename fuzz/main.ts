/**
 * `npm run fuzz -- [TARGET…] [--executions N] [--seconds S] [--seed S]`: one line per target; exits 1 after a crash or a hang.
 * What crashed or hung is kept in the corpus, which `npm run ok` replays.
 */
import { parseArgs } from "node:util";
import { runTarget, type Result } from "./run-target.ts";
import { targets } from "./targets/all.ts";

const usage = `Usage: npm run fuzz -- [${targets.map(({ name }) => name).join("|")}|smuggling]… [--executions N] [--seconds S] [--seed S]`;

function whole(text: string, name: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  console.error(`--${name} is not a whole number: "${text}"\n${usage}`);
  process.exit(2);
}

function line({ name, executions, seconds, crashes, hangs }: Result): string {
  const rate = Math.round(executions / seconds);
  return `${name.padEnd(16)} ${executions} executions in ${seconds.toFixed(1)} s, ${rate}/s, ${crashes} crashes, ${hangs} hangs`;
}

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: {
    executions: { type: "string" },
    seconds: { type: "string", default: "86400" },
    seed: { type: "string", default: "1" },
  },
});
const seed = whole(values.seed, "seed");
const seconds = whole(values.seconds, "seconds");
const asked = values.executions === undefined ? null : whole(values.executions, "executions");
const unknown = positionals.find((name) => name !== "smuggling" && !targets.some((target) => target.name === name));
if (unknown !== undefined) {
  console.error(`There is no target "${unknown}"\n${usage}`);
  process.exit(2);
}
let failed = false;
for (const target of targets) {
  if (positionals.length > 0 && !positionals.includes(target.name)) continue;
  const result = await runTarget(target, { executions: asked ?? 1_000_000, seconds, seed });
  console.log(line(result));
  for (const note of result.notes) console.log(note);
  failed ||= result.crashes + result.hangs > 0;
}
if (positionals.includes("smuggling")) {
  // Whole proxies: the other targets need none of that.
  const { runSmuggling } = await import("./smuggling/run.ts");
  failed = !(await runSmuggling(asked ?? 100_000, seed)) || failed;
}
process.exit(failed ? 1 : 0);
