/**
 * The cluster that scenarios run on. LINKERD_E2E_CLUSTER says which: `local` (the default, `linkerd local`), `kubernetes`
 * (a real one that e2e/kubernetes starts on this machine), `controllers` (its API server and controllers with the node of
 * `linkerd local`, where no kubelet can run), or with LINKERD_E2E_KUBECONFIG any that exists. Scenarios
 * know none of them: what passes on one only is a fault of the other.
 */
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubeClient } from "#kube/client.ts";
import { clientOf } from "../../scripts/mesh.ts";
import { repository, run, type CommandResult } from "./command.ts";

export { eventually, ok, repository, run, type CommandResult } from "./command.ts";

export type ClusterKind = "local" | "kubernetes" | "controllers" | "given";

/** A container's image with a shell, curl and the usual small programs, on every kind of cluster; give a command. */
export const toolboxImage = "linkerd.local/toolbox:v1";

export interface TestCluster {
  readonly kind: ClusterKind;
  readonly kubeconfig: string;
  readonly client: KubeClient;
  /** Runs `./linkerd ARGS` against the cluster. */
  linkerd(args: readonly string[], input?: string): Promise<CommandResult>;
  readonly kubectlPath: string;
  /** Runs `kubectl ARGS` against the cluster. */
  kubectl(args: readonly string[], input?: string): Promise<CommandResult>;
  /** Types a script at a shell that has `linkerd` and `kubectl` on its PATH and the cluster as its context. */
  shell(script: string): Promise<CommandResult>;
  /** A process whose network namespace sees the traffic of all pods; null when it is another machine's. */
  nodePid(): Promise<number | null>;
  /** Gives the node the images of an archive; null: images are names only. */
  readonly importImage: ((archive: string) => Promise<void>) | null;
  /** Files that somebody put on the node, outside of pods; null: this kind can't tell. */
  readonly nodeFiles: (() => string[]) | null;
  /** Kills a part of Kubernetes and keeps it down until the returned function is called; null: this kind can't. */
  readonly hold: ((component: "apiserver" | "etcd") => () => void) | null;
  stop(): Promise<void>;
}

/** What the kinds differ in. */
export interface ClusterParts {
  readonly kind: ClusterKind;
  readonly kubeconfig: string;
  readonly kubectl: string;
  readonly nodePid: () => Promise<number | null>;
  readonly importImage?: (archive: string) => Promise<void>;
  readonly nodeFiles?: () => string[];
  readonly hold?: (component: "apiserver" | "etcd") => () => void;
  readonly stop: () => Promise<void>;
}

const linkerdPath = join(repository, "linkerd");

const wanted = process.env["LINKERD_E2E_CLUSTER"];

export const clusterKind: ClusterKind =
  process.env["LINKERD_E2E_KUBECONFIG"] !== undefined
    ? "given"
    : wanted === "kubernetes" || wanted === "controllers"
      ? wanted
      : "local";

/** A real cluster brings its own kubectl. */
export const hasKubectl =
  clusterKind === "kubernetes" || clusterKind === "controllers" || Bun.which("kubectl") !== null;

/** Starts a cluster with nothing in it. Only one real one can run on a machine. */
export async function startCluster(name: string): Promise<TestCluster> {
  switch (clusterKind) {
    case "given":
      return connectTo({
        kind: "given",
        kubeconfig: process.env["LINKERD_E2E_KUBECONFIG"] ?? "",
        kubectl: "kubectl",
        nodePid: async () => null,
        stop: async () => {},
      });
    case "kubernetes": {
      const { startKubernetes } = await import("./kubernetes-cluster.ts");
      return connectTo(await startKubernetes());
    }
    case "controllers": {
      const { startControllers } = await import("./kubernetes-cluster.ts");
      return connectTo(await startControllers());
    }
    case "local": {
      const { startLocal } = await import("./local-cluster.ts");
      return connectTo(await startLocal(name));
    }
  }
}

/** A cluster that was started by other means. */
export function connectTo(parts: ClusterParts): TestCluster {
  const env = { KUBECONFIG: parts.kubeconfig };
  const withInput = (input: string | undefined) => (input === undefined ? { env } : { env, input });
  const path = mkdtempSync(join(tmpdir(), "linkerd-path-"));
  symlinkSync(linkerdPath, join(path, "linkerd"));
  if (parts.kubectl !== "kubectl") symlinkSync(parts.kubectl, join(path, "kubectl"));
  return {
    kind: parts.kind,
    kubeconfig: parts.kubeconfig,
    client: clientOf(parts.kubeconfig),
    linkerd: (args, input) => run([linkerdPath, ...args], withInput(input)),
    kubectlPath: parts.kubectl,
    kubectl: (args, input) => run([parts.kubectl, ...args], withInput(input)),
    shell: (script) =>
      run(["bash", "-euo", "pipefail", "-c", script], { env: { ...env, PATH: `${path}:${process.env["PATH"]}` } }),
    nodePid: parts.nodePid,
    importImage: parts.importImage ?? null,
    nodeFiles: parts.nodeFiles ?? null,
    hold: parts.hold ?? null,
    stop: async () => {
      rmSync(path, { recursive: true, force: true });
      await parts.stop();
    },
  };
}
