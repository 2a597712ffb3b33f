/** The test suites and how each is run: shared by `npm run ok`, `npm test` and CI. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dir, "..");
const bun = process.execPath;

/** What one suite came to. `failed` is at least 1 when its command failed. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

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
  check("imports", [bun, "scripts/check-imports.ts"]),
  check("lint", [tool("oxlint"), "--deny-warnings"]),
  check("format", [tool("oxfmt"), "--check", "."]),
  tests(
    "unit",
    180,
    "--path-ignore-patterns=**/*.netns.test.ts",
    "--path-ignore-patterns=**/*.tools.test.ts",
    "src",
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

/** Runs a suite with its output passed on when `quiet` is false, else shown only when it failed. */
export async function runSuite(suite: Suite, quiet: boolean): Promise<Counts> {
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
  const counts = suite.reports ? readReport(report) : { passed: 0, failed: 0, skipped: 0 };
  rmSync(folder, { recursive: true, force: true });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const failed = code !== 0 || timedOut;
  if (quiet && failed) console.log(texts.join("").trim().split("\n").slice(-120).join("\n"));
  if (timedOut) console.log(`${suite.name}: stopped after its limit of ${suite.limit} s`);
  console.log(`${failed ? "×" : "√"} ${suite.name} (${seconds} s)${suite.reports ? `: ${summary(counts)}` : ""}`);
  if (suite.reports) return failed && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
  return failed ? { passed: 0, failed: 1, skipped: 0 } : { passed: 1, failed: 0, skipped: 0 };
}

/** Counts of a JUnit report; zeros when the runner died before it wrote one. */
export function readReport(path: string): Counts {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
  const head = /<testsuites\b[^>]*>/.exec(text)?.[0] ?? "";
  const attribute = (name: string): number => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = attribute("failures") + attribute("errors");
  const skipped = attribute("skipped");
  return { passed: Math.max(0, attribute("tests") - failed - skipped), failed, skipped };
}

export function add(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** "12 passed, 0 failed", with ", 3 skipped" when there are any. */
export function summary(counts: Counts): string {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  return `${counts.passed} passed, ${counts.failed} failed${skipped}`;
}
