/** A real Kubernetes with the mesh on it, as `linkerd install` gives it, on which the suite runs. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { version } from "#lib/version.ts";
import { connectTo, ok, run, type TestCluster } from "../harness/cluster.ts";
import { startKubernetes } from "../harness/kubernetes-cluster.ts";
import { meshReady } from "../harness/mesh.ts";
import { writeEchoImage } from "./echo-image.ts";
import { conformanceProgram, gatewayApiCrds } from "./programs.ts";
import { readSuiteLog, type SuiteResult } from "./suite-log.ts";

export async function startConformanceCluster(note: (text: string) => void): Promise<TestCluster> {
  const folder = mkdtempSync(join(tmpdir(), "linkerd-gateway-api-"));
  const archive = join(folder, "echo.tar");
  const [parts] = await Promise.all([startKubernetes(), writeEchoImage(archive, note)]);
  const cluster = connectTo(parts);
  try {
    const imported = cluster.importImage?.(archive);
    // The server keeps what a client-side apply adds to them out: it is too long.
    await ok(cluster.kubectl(["apply", "--server-side", "-k", await gatewayApiCrds()]));
    await ok(cluster.shell("linkerd install --crds | kubectl apply --server-side -f -"));
    await ok(cluster.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]));
    await ok(cluster.shell("linkerd install | kubectl apply -f -"));
    await Promise.all([imported, meshReady(cluster)]);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const namespaces = ["gateway-conformance-mesh", "gateway-conformance-mesh-consumer"];

export interface SuiteRun extends SuiteResult {
  readonly code: number;
  readonly log: string;
  /** s. */
  readonly took: number;
}

/**
 * One run of the suite, stricter than its defaults: kube-proxy alone gives the expected backend half of the time, so three
 * right answers in a row prove little.
 */
export async function runSuite(
  cluster: TestCluster,
  options: {
    readonly report?: string;
    readonly only?: string;
    /** Right answers in a row that each case must give. Default 12. */
    readonly inARow?: number;
  } = {},
): Promise<SuiteRun> {
  const program = await conformanceProgram("gateway-api-suite");
  // What is still ending from a run before stops the next one in its setup.
  const names = namespaces.map((name) => `ns/${name}`);
  await ok(cluster.kubectl(["wait", "--for=delete", ...names, "--timeout=90s"]));
  const start = performance.now();
  const { code, out, err } = await run(
    [
      program,
      ...["-test.v", "-test.parallel=16", "-test.timeout=20m", "-namespace-annotations=linkerd.io/inject=enabled"],
      `-timeout-config-overrides=RequiredConsecutiveSuccesses:${options.inARow ?? 12};MaxTimeToConsistency:15`,
      ...["-organization=linkerd-ts", "-project=linkerd-ts", `-version=${version}`],
      ...["-url=https://linkerd-ts.example", "-contact=maintainers@linkerd-ts.example"],
      ...(options.report === undefined ? [] : [`-report-output=${options.report}`]),
      ...(options.only === undefined ? [] : [`-run-test=${options.only}`]),
    ],
    { env: { KUBECONFIG: cluster.kubeconfig }, limit: 20 * 60_000 },
  );
  if (options.report !== undefined && !existsSync(options.report)) {
    throw new Error(`The suite wrote no report to "${options.report}"\n${out.slice(-2000)}${err.slice(-2000)}`);
  }
  const log = `${out}${err}`;
  return { ...readSuiteLog(log), code, log, took: (performance.now() - start) / 1000 };
}
