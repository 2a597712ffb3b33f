/** The test suites and how each is run: shared by `npm run ok`, `npm test` and CI. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Counts, readReport } from "./junit.ts";

const root = resolve(import.meta.dir, "..");
const bun = process.execPath;

export interface Suite {
  readonly name: string;
  /** `reportFile`: where a test runner writes its JUnit report; plain checks ignore it and count as one test. */
  readonly command: (reportFile: string) => readonly string[];
  readonly reports: boolean;
  /** Killed after this many seconds. */
  readonly limit: number;
  readonly env?: Readonly<Record<string, string>>;
}

const tool = (name: string): string => join(root, "node_modules/.bin", name);

function check(name: string, command: readonly string[], limit = 120): Suite {
  return { name, command: () => command, reports: false, limit };
}

function tests(name: string, limit: number, ...words: readonly string[]): Suite {
  return {
    name,
    command: (file) => [bun, "test", "--reporter=junit", `--reporter-outfile=${file}`, ...words],
    reports: true,
    limit,
  };
}

/** No build, no cluster, under a minute together. */
export const okSuites: readonly Suite[] = [
  check("types", [tool("tsc"), "--noEmit"]),
  check("types of the dashboard", [tool("tsc"), "-p", "dashboard"]),
  check("imports", [bun, "scripts/check-imports.ts"]),
  check("lint", [tool("oxlint"), "--deny-warnings"]),
  check("format", [tool("oxfmt"), "--check", "."]),
  tests(
    "unit",
    180,
    // Most take milliseconds; on a busy machine some of those that compute take many seconds.
    "--timeout=30000",
    "--path-ignore-patterns=**/*.netns.test.ts",
    "--path-ignore-patterns=**/*.tools.test.ts",
    "src",
    "dashboard",
    "scripts",
    "bench",
    "fuzz",
    "e2e/kubernetes",
  ),
];

/** Real sockets in network namespaces, then scenarios on the local cluster. */
export const e2eSuites: readonly Suite[] = [
  tests("namespaces", 300, "--timeout=60000", ".netns.test.ts"),
  tests("e2e", 900, "--timeout=180000", "e2e/scenarios"),
];

/** Long runs, with commands of their own. */
export const soakSuites: readonly Suite[] = [tests("soak", 1500, "--timeout=900000", "e2e/soak")];

/** Builds and installs helm, kubeconform and checkov: minutes without a cache. */
export const chartTools: Suite = check("chart tools", ["sh", "charts/tools"], 900);

/** The charts by these tools. */
export const chartSuites: readonly Suite[] = [tests("charts", 600, "--timeout=300000", ".tools.test.ts")];

/** Builds Kubernetes from its modules: over ten minutes without a cache, nothing with one. */
export const buildKubernetes: Suite = check("kubernetes is built", [bun, "e2e/kubernetes/main.ts", "build"], 1800);

/** Builds the programs of e2e/suites: a minute without a cache. */
export const suitePrograms: Suite = check("suite programs", [bun, "e2e/suites/programs.ts"], 900);

/** As many executions of each fuzz target as fit, and a part of the smuggling differential; fuzz/README.md has the long forms. */
export const fuzzSuites: readonly Suite[] = [
  check("fuzz", [bun, "fuzz/main.ts", "--seconds", "8"], 120),
  check("smuggling", [bun, "fuzz/main.ts", "smuggling", "--executions", "2000"], 180),
];

/** Outside suites, floods and overload, through proxies in namespaces. */
export const outsideSuites: readonly Suite[] = [tests("suites", 400, "--timeout=120000", "e2e/suites")];

/** Builds the Gateway API's conformance suite: four minutes without a cache. */
export const gatewayApiPrograms: Suite = check("gateway api programs", [bun, "e2e/gateway-api/programs.ts"], 900);

/** Conformance to the Gateway API, on the real Kubernetes. */
export const gatewayApiSuites: readonly Suite[] = [tests("gateway api", 900, "--timeout=600000", "e2e/gateway-api")];

/** The scenarios on a real Kubernetes. */
export const kubernetesSuites: readonly Suite[] = [
  {
    ...tests("kubernetes", 1200, "--timeout=300000", "e2e/scenarios"),
    env: { LINKERD_E2E_CLUSTER: "kubernetes" },
  },
];

/** What one or more suites came to. */
export interface Result {
  readonly counts: Counts;
  /** Which suite failed and, where a report says so, with which test and message. */
  readonly failures: readonly string[];
}

export const noResult: Result = { counts: { passed: 0, failed: 0, skipped: 0 }, failures: [] };

/** Runs a suite with its output passed on when `quiet` is false, else shown only when it failed. */
export async function runSuite(suite: Suite, quiet: boolean): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "linkerd-suite-"));
  const report = join(folder, "report.xml");
  const start = performance.now();
  const child = Bun.spawn([...suite.command(report)], {
    cwd: root,
    stdin: "ignore",
    stdout: quiet ? "pipe" : "inherit",
    stderr: quiet ? "pipe" : "inherit",
    env: { ...process.env, NO_COLOR: "1", ...suite.env },
  });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, suite.limit * 1000);
  const texts = quiet ? await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]) : [];
  const code = await child.exited;
  clearTimeout(timer);
  const { counts, failures } = suite.reports
    ? readReport(report)
    : { counts: { passed: code === 0 ? 1 : 0, failed: 0, skipped: 0 }, failures: [] };
  rmSync(folder, { recursive: true, force: true });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const failed = code !== 0 || timedOut;
  if (quiet && failed) console.log(texts.join("").trim().split("\n").slice(-120).join("\n"));
  if (timedOut) console.log(`${suite.name}: stopped after its limit of ${suite.limit} s`);
  console.log(`${failed ? "×" : "√"} ${suite.name} (${seconds} s)${suite.reports ? `: ${summary(counts)}` : ""}`);
  return {
    counts: failed && counts.failed === 0 ? { ...counts, failed: 1 } : counts,
    failures:
      failed && failures.length === 0
        ? [`${suite.name}: ${timedOut ? `stopped after its limit of ${suite.limit} s` : `exit code ${code}`}`]
        : failures.map((failure) => `${suite.name}: ${failure}`),
  };
}

export function add(a: Result, b: Result): Result {
  return {
    counts: {
      passed: a.counts.passed + b.counts.passed,
      failed: a.counts.failed + b.counts.failed,
      skipped: a.counts.skipped + b.counts.skipped,
    },
    failures: [...a.failures, ...b.failures],
  };
}

/** The end of a run: what failed, under a heading, and then the line with the counts; exits with 1 if anything failed. */
export function closing({ counts, failures }: Result): never {
  if (failures.length > 0) console.log(`\nFailures:\n${failures.map((failure) => `× ${failure}`).join("\n")}\n`);
  console.log(summary(counts));
  process.exit(counts.failed === 0 ? 0 : 1);
}

/** "12 passed, 0 failed", with ", 3 skipped" when there are any. */
export function summary(counts: Counts): string {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  return `${counts.passed} passed, ${counts.failed} failed${skipped}`;
}
