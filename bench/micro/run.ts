/** `sh scripts/bun bench/micro/run.ts [PART-OF-NAME]`: runs every micro-benchmark of this folder, or some, one after another. */
import { readdirSync } from "node:fs";
import { join } from "node:path";

const wanted = process.argv[2] ?? "";
const files = readdirSync(import.meta.dir)
  .filter((name) => name.endsWith(".bench.ts") && name.includes(wanted))
  .toSorted();
if (files.length === 0) {
  console.error(`No micro-benchmark has "${wanted}" in its name`);
  process.exit(1);
}
let failed = 0;
for (const file of files) {
  console.log(`\n${file}`);
  const child = Bun.spawn([process.execPath, "--smol", join(import.meta.dir, file)], {
    stdout: "inherit",
    stderr: "inherit",
  });
  if ((await child.exited) !== 0) failed++;
}
if (failed > 0) console.error(`\n${failed} of ${files.length} failed`);
process.exit(failed === 0 ? 0 : 1);
