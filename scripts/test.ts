/**
 * `npm test`: everything of `npm run ok`, then tests in network namespaces and the scenarios on the local cluster.
 * `--only PART` runs one part. `--all` runs every part; the real Kubernetes and the tools of charts and suites are built
 * meanwhile, since a first build takes as long as the rest. The last line sums up the whole run.
 */
import {
  add,
  buildKubernetes,
  chartSuites,
  chartTools,
  closing,
  e2eSuites,
  fuzzSuites,
  gatewayApiPrograms,
  gatewayApiSuites,
  kubernetesSuites,
  noResult,
  okSuites,
  outsideSuites,
  runSuite,
  soakSuites,
  type Suite,
  suitePrograms,
} from "./suites.ts";

const parts: Readonly<Record<string, readonly Suite[]>> = {
  ok: okSuites,
  e2e: e2eSuites,
  soak: soakSuites,
  fuzz: fuzzSuites,
  suites: [suitePrograms, ...outsideSuites],
  charts: [chartTools, ...chartSuites],
  kubernetes: [buildKubernetes, ...kubernetesSuites],
  "gateway-api": [buildKubernetes, gatewayApiPrograms, ...gatewayApiSuites],
};

let total = noResult;

async function runAll(suites: readonly Suite[]): Promise<void> {
  for (const suite of suites) total = add(total, await runSuite(suite, okSuites.includes(suite)));
}

const [flag = "", part = "", ...more] = process.argv.slice(2);
const only = flag === "--only" ? parts[part] : undefined;
if (only !== undefined && more.length === 0) {
  await runAll(only);
} else if (flag === "") {
  await runAll([...okSuites, ...e2eSuites]);
} else if (flag === "--all" && part === "") {
  await runAll(okSuites);
  const built = (async () => {
    let result = await runSuite(suitePrograms, true);
    for (const suite of [buildKubernetes, chartTools]) result = add(result, await runSuite(suite, true));
    return result;
  })();
  await runAll([...e2eSuites, ...soakSuites]);
  total = add(total, await built);
  // Nothing is built any more: the suites measure latencies.
  await runAll([...fuzzSuites, ...outsideSuites, ...chartSuites, ...kubernetesSuites]);
} else {
  console.error(`Usage: npm test -- [--all | --only ${Object.keys(parts).join("|")}]`);
  process.exit(1);
}
closing(total);
