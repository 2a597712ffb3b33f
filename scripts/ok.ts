/**
 * `npm run ok`: types, import rules, lint, format, unit tests. No build, no cluster, under a minute.
 * Every step runs even when an earlier one failed, so that one run shows everything; exits 1 if any failed.
 */
import { add, okSuites, runSuite, summary, type Counts } from "./suites.ts";

let total: Counts = { passed: 0, failed: 0, skipped: 0 };
for (const suite of okSuites) total = add(total, await runSuite(suite, true));
console.log(summary(total));
process.exit(total.failed === 0 ? 0 : 1);
