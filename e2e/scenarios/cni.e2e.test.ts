/**
 * Pods without NET_ADMIN: the CNI plugin redirects their traffic. It is put on the node, used, missed by a pod, repaired,
 * updated and removed. `linkerd local` sets pods up by itself and has no network configuration to be part of.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { emojivotoFile, waitForDeployments } from "../../scripts/mesh.ts";
import { clusterKind, eventually, ok, startCluster, type TestCluster } from "../harness/cluster.ts";

const ours = (files: readonly string[]): string[] => files.filter((name) => name.includes("linkerd"));

describe.skipIf(clusterKind !== "kubernetes")("the CNI plugin", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startCluster("cni");
  });
  afterAll(async () => {
    await cluster?.stop();
  });

  const type = (script: string): Promise<string> => ok(cluster.shell(script));
  const files = (): string[] => ours(cluster.nodeFiles?.() ?? []);

  async function pods(namespace: string): Promise<Pod[]> {
    const { items } = await cluster.client.list<Pod>(resources.pods, { namespace });
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  test("is put on the node", async () => {
    await type("linkerd install-cni | kubectl apply -f -");
    await type("kubectl -n linkerd-cni rollout status daemonset/linkerd-cni --timeout=60s");
    expect(files()).toEqual(["etc/cni/net.d/ZZZ-linkerd-cni-kubeconfig", "opt/cni/bin/linkerd-cni"]);
  });

  test("the mesh and its application run without NET_ADMIN, and check is green", async () => {
    await type("linkerd install --crds | kubectl apply -f -");
    await type("linkerd install --linkerd-cni-enabled | kubectl apply -f -");
    await waitForDeployments(cluster.client, "linkerd", 60_000);
    await ok(cluster.kubectl(["apply", "-f", "-"], readFileSync(emojivotoFile, "utf8")));
    await waitForDeployments(cluster.client, "emojivoto", 60_000);
    for (const pod of [...(await pods("linkerd")), ...(await pods("emojivoto"))]) {
      expect(JSON.stringify(pod.spec)).not.toContain("NET_ADMIN");
      expect(pod.spec.initContainers?.map(({ name }) => name)).toContain("linkerd-network-validator");
    }
    expect(await type("linkerd check --proxy -n emojivoto")).toEndWith("Status check results are √\n");
  });

  test("removing the DaemonSet leaves nothing of it on the node", async () => {
    await type("kubectl -n linkerd-cni delete daemonset linkerd-cni");
    await eventually("a clean node", 20_000, async () => (files().length === 0 ? true : null));
  });

  test("a pod that started without the plugin is repaired without a restart", async () => {
    await type("kubectl -n emojivoto rollout restart deployment/web");
    await eventually("a validator that looks for the redirect", 30_000, async () => {
      const found = (await pods("emojivoto")).flatMap(({ status }) => status?.initContainerStatuses ?? []);
      return found.some(({ name, state }) => name === "linkerd-network-validator" && state?.running !== undefined)
        ? true
        : null;
    });
    await type("linkerd install-cni | kubectl apply -f -");
    await type("kubectl -n emojivoto rollout status deployment/web --timeout=60s");
    const events = await eventually("the event of the repair", 30_000, async () => {
      const told = await type("kubectl -n emojivoto get events");
      return told.includes("RedirectRepaired") ? told : null;
    });
    expect(events).toContain("RedirectRepaired");
    expect(events).not.toContain("RedirectMissing");
  });

  test("an update leaves the plugin on the node", async () => {
    await type("kubectl -n linkerd-cni rollout restart daemonset/linkerd-cni");
    const seen: number[] = [];
    const status = type("kubectl -n linkerd-cni rollout status daemonset/linkerd-cni --timeout=60s").then(() => true);
    for (let done: boolean | null = null; done === null;) {
      seen.push(files().length);
      done = await Promise.race([status, Bun.sleep(100).then(() => null)]);
    }
    expect(Math.min(...seen)).toBe(2);
  });

  test("an uninstallation leaves neither files nor its entry", async () => {
    await type("linkerd install-cni | kubectl delete --wait=false -f -");
    await eventually("a clean node", 30_000, async () => (files().length === 0 ? true : null));
  });
});
