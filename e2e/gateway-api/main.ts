/**
 * `sh scripts/bun e2e/gateway-api/main.ts [--keep] [--only TEST] [--times N] [--report FILE]`: the conformance suite by hand. Prints what
 * each test came to; `--keep` leaves the cluster up for a look.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { release } from "../kubernetes/node.ts";
import { runSuite, startConformanceCluster } from "./conformance-cluster.ts";
import { meshTests } from "./suite-log.ts";

const { values } = parseArgs({
  options: {
    keep: { type: "boolean", default: false },
    only: { type: "string" },
    times: { type: "string", default: "1" },
    report: { type: "string" },
    log: { type: "string" },
  },
});

const start = performance.now();
const cluster = await startConformanceCluster((text) => console.error(text));
console.log(`the mesh is ready after ${((performance.now() - start) / 1000).toFixed(1)} s`);
let failed = false;
try {
  for (let time = 1; time <= Number(values.times); time++) {
    const { only, report } = values;
    const result = await runSuite(cluster, {
      ...(only === undefined ? {} : { only }),
      ...(report === undefined ? {} : { report }),
    });
    if (values.log !== undefined) writeFileSync(values.log, result.log);
    const wanted = only === undefined ? meshTests : [only];
    for (const name of wanted) {
      const verdict = result.tests.get(name) ?? "missing";
      if (verdict === "pass") continue;
      console.log(`× ${name}: ${verdict}`);
      for (const reason of result.reasons.get(name) ?? []) console.log(`    ${reason}`);
    }
    const passed = wanted.filter((name) => result.tests.get(name) === "pass").length;
    console.log(`${passed} of ${wanted.length} passed in ${result.took.toFixed(1)} s, exit code ${result.code}`);
    if (result.tests.size === 0) console.log(result.log.slice(-3000));
    failed ||= passed < wanted.length || result.code !== 0;
  }
} finally {
  if (values.keep) release();
  else await cluster.stop();
}
process.exit(failed ? 1 : 0);
