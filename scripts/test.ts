/**
 * `npm test`: everything of `npm run ok`, then tests in network namespaces and the scenarios on the local cluster.
 * `--only ok|e2e|soak` runs one part, `--soak` adds the long runs. The last line sums up the whole run.
 */
import { add, e2eSuites, okSuites, runSuite, soakSuites, summary, type Counts, type Suite } from "./suites.ts";

const parts: Readonly<Record<string, readonly Suite[]>> = { ok: okSuites, e2e: e2eSuites, soak: soakSuites };

function selected(argv: readonly string[]): readonly Suite[] | null {
  const only = argv[0] === "--only" ? parts[argv[1] ?? ""] : undefined;
  if (only !== undefined && argv.length === 2) return only;
  if (argv.length === 0) return [...okSuites, ...e2eSuites];
  if (argv.length === 1 && argv[0] === "--soak") return [...okSuites, ...e2eSuites, ...soakSuites];
  return null;
}

const suites = selected(process.argv.slice(2));
if (suites === null) {
  console.error("Usage: npm test -- [--soak | --only ok|e2e|soak]");
  process.exit(1);
}
let total: Counts = { passed: 0, failed: 0, skipped: 0 };
for (const suite of suites) total = add(total, await runSuite(suite, okSuites.includes(suite)));
console.log(summary(total));
process.exit(total.failed === 0 ? 0 : 1);
