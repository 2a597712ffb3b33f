/**
 * `npm run demo`: a local cluster, the control plane, the sample application with its load, and what to try.
 * Runs until Ctrl-C; then everything goes, also what a crash of an earlier run left.
 */
import { processTerminal } from "#cli/globals.ts";
import { reportFailure } from "#cli/exit-code.ts";
import { step } from "#cli/output/progress.ts";
import { percent } from "#cli/output/format.ts";
import { forwardDashboard, type DashboardForward } from "#cli/viz-dashboard.ts";
import type { KubeClient } from "#kube/client.ts";
import { sleep, systemClock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import { vizStat } from "#cli/viz-api.ts";
import { startLocalCluster, type LocalCluster } from "#local/launcher.ts";
import type { StatRow } from "#viz/client/stat-row.ts";
import { applyFile, clientOf, emojivotoFile, installControlPlane, installViz, waitForDeployments } from "./mesh.ts";

const terminal = processTerminal();
let stopping = false;
let cluster: LocalCluster | null = null;
let dashboard: DashboardForward | null = null;

/** Runs one step with progress; its failure ends the demo. */
async function stage<T>(title: string, run: (note: (text: string) => void) => Promise<T>): Promise<T> {
  const shown = step(terminal, title);
  try {
    const result = await run((text) => shown.note(text));
    shown.done();
    return result;
  } catch (error) {
    shown.fail();
    throw error;
  }
}

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  dashboard?.close();
  if (cluster !== null) await stage("Stopping, cleaning up", () => cluster!.stop());
}

async function up(): Promise<void> {
  const start = performance.now();
  cluster = await stage("Local cluster", (note) => startLocalCluster({ name: "demo", onProgress: note }));
  const { kubeconfigPath } = cluster;
  void cluster.ended.then((asked) => {
    if (asked || stopping) return;
    terminal.err(`The cluster ended by itself; its log: ${cluster?.logFile}\n`);
    process.exit(1);
  });
  const client = clientOf(kubeconfigPath);
  await stage("Control plane: identity, destination, policy, proxy injector", async (note) => {
    await installControlPlane(client);
    await waitForDeployments(client, "linkerd", 60_000, note);
  });
  await stage("Viz extension and sample application, meshed", async (note) => {
    await installViz(client, 2000);
    // Tap looks into proxies that were started since its injector is there.
    await waitForDeployments(client, "linkerd-viz", 60_000, note);
    await applyFile(client, emojivotoFile);
    await waitForDeployments(client, "emojivoto", 60_000, note);
  });
  const rows = await stage("Traffic", async (note) => {
    for (const deadline = performance.now() + 30_000; ;) {
      const found = await vizStat(() => client, "linkerd-viz", undefined, {
        resource: { kind: "deployment", namespace: "emojivoto", name: null },
        window: 60_000,
      });
      if (found.some((row) => row.name === "voting" && row.success !== null) || performance.now() > deadline)
        return found;
      note("waiting for the second scrape");
      await sleep(systemClock, 250);
    }
  });
  dashboard = await openDashboard(client);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  terminal.out(`\nThe mesh runs (${seconds} s).${votingLine(rows)}\n${help(kubeconfigPath, dashboard.port)}`);
}

/** On the port of `linkerd viz dashboard`, or on another where that is taken. */
async function openDashboard(client: KubeClient): Promise<DashboardForward> {
  const options = { client, vizNamespace: "linkerd-viz", ip: "127.0.0.1", wait: 30_000, onNote: () => {} };
  try {
    return await forwardDashboard({ ...options, port: 50_750 });
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== "address-in-use") throw error;
    return await forwardDashboard({ ...options, port: 0 });
  }
}

function votingLine(rows: readonly StatRow[]): string {
  const voting = rows.find((row) => row.name === "voting");
  return voting === undefined || voting.success === null
    ? ""
    : ` Votes succeed at ${percent(voting.success)}: one emoji fails on purpose.`;
}

function help(kubeconfigPath: string, dashboardPort: number): string {
  return `
Dashboard: http://localhost:${dashboardPort}

In a second terminal, in this folder:

  export KUBECONFIG=${kubeconfigPath}
  ./linkerd check
  ./linkerd viz stat deploy -n emojivoto
  ./linkerd viz stat deploy/web --to deploy/voting -n emojivoto
  ./linkerd viz tap deploy/web -n emojivoto
  ./linkerd viz top ns/emojivoto
  ./linkerd identity -n emojivoto deploy/web
  ./linkerd diagnostics endpoints voting.emojivoto.svc.cluster.local:8080
  ./linkerd diagnostics proxy-metrics -n emojivoto deploy/web
  kubectl get pods -A
  kubectl rollout restart deploy -n emojivoto
  kubectl port-forward -n emojivoto deploy/web 8080        # then http://localhost:8080

Ctrl-C stops everything and leaves nothing behind.
`;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    void stop().then(
      () => process.exit(0),
      (error: unknown) => process.exit(reportFailure(error, terminal, false)),
    );
  });
}

try {
  await up();
} catch (error) {
  const code = stopping ? 0 : reportFailure(error, terminal, false);
  await stop();
  process.exit(code);
}
