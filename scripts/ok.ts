/**
 * `npm run ok`: types, import rules, lint, format, unit tests. No build, no cluster, under a minute.
 * Every step runs even when an earlier one failed, so that one run shows everything; exits 1 if any failed.
 */
import { add, closing, noResult, okSuites, runSuite } from "./suites.ts";

let total = noResult;
for (const suite of okSuites) total = add(total, await runSuite(suite, true));
closing(total);
