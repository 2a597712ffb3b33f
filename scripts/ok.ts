/**
 * `npm run ok`: types, import rules, lint, format, unit tests. No build, no cluster, under a minute.
 * Every step runs even when an earlier one failed, so that one run shows everything; exits 1 if any failed.
 */
import { resolve } from "node:path";

const root = resolve(import.meta.dir, "..");
const bun = process.execPath;
const steps: ReadonlyArray<readonly [name: string, command: readonly string[]]> = [
  ["types", ["node_modules/.bin/tsc", "--noEmit"]],
  ["imports", [bun, "scripts/check-imports.ts"]],
  ["lint", ["node_modules/.bin/oxlint", "--deny-warnings"]],
  ["format", ["node_modules/.bin/oxfmt", "--check", "."]],
  ["tests", [bun, "test", "src", "scripts"]],
];

let failed = 0;
for (const [name, command] of steps) {
  const start = performance.now();
  const child = Bun.spawnSync([...command], { cwd: root, stdout: "pipe", stderr: "pipe", env: { ...process.env } });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  if (child.success) {
    console.log(`√ ${name} (${seconds} s)`);
    if (name === "tests") console.log(child.stderr.toString().trim().split("\n").slice(-5).join("\n"));
    continue;
  }
  failed++;
  console.log(`× ${name} (${seconds} s)`);
  console.log(`${child.stdout.toString()}${child.stderr.toString()}`.trim().split("\n").slice(-80).join("\n"));
}
process.exit(failed === 0 ? 0 : 1);
