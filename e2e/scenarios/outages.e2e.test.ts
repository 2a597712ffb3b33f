/**
 * What the mesh is worth when its control plane, the API server or etcd is gone: every request still succeeds, and what
 * changed meanwhile is known within 10 s of the return, without asking for everything again and again.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { installControlPlane, waitForDeployments } from "../../scripts/mesh.ts";
import { clusterKind, eventually, hasKubectl, ok, startCluster, type TestCluster } from "../harness/cluster.ts";
import { restarts, startVotes, votes, votesFromNowOn } from "../harness/vote-load.ts";

const rate = 100;
const outageSeconds = 8;
const freshSeconds = 10;

describe.skipIf(!hasKubectl)(`under ${rate} votes a second`, () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startCluster("outages");
    await installControlPlane(cluster.client);
    await waitForDeployments(cluster.client, "linkerd", 60_000);
    await startVotes(cluster, { rate, replicas: 2 });
  });
  afterAll(async () => {
    await cluster?.stop();
  });

  for (const name of ["identity", "destination", "proxy-injector"]) {
    test(`the pod of ${name} is killed and no vote is lost`, async () => {
      const before = await votes(cluster);
      const deployment = `linkerd-${name}`;
      await ok(
        cluster.kubectl([
          ...["delete", "pod", "-n", "linkerd", "--grace-period=0", "--force"],
          ...["-l", `linkerd.io/control-plane-component=${name}`],
        ]),
      );
      const start = performance.now();
      await waitForDeployments(cluster.client, "linkerd", 60_000);
      console.log(`${deployment} was back after ${((performance.now() - start) / 1000).toFixed(1)} s`);
      const after = await votesFromNowOn(cluster);
      console.log(`${after.sent - before.sent} votes, ${after.failures.length - before.failures.length} failed`);
      expect(after.failures).toEqual(before.failures);
    });
  }

  for (const component of ["apiserver", "etcd"] as const) {
    test.skipIf(clusterKind !== "kubernetes")(
      `${component} is gone for ${outageSeconds} s, no vote is lost, and endpoints are right ${freshSeconds} s after its return`,
      async () => {
        const hold = cluster.hold;
        if (hold === null) throw new Error("this cluster can't stop its API server");
        const before = await votes(cluster);
        const restartsBefore = await restarts(cluster, "linkerd");
        const listsBefore = await lists();
        const release = hold(component);
        await Bun.sleep(outageSeconds * 1000);
        release();
        await eventually("the API server's return", 60_000, async () =>
          (await cluster.kubectl(["get", "--raw", "/readyz"])).code === 0 ? true : null,
        );
        const returned = performance.now();
        await ok(cluster.kubectl(["scale", "-n", "emojivoto", "deploy/emoji", "--replicas=3"]));
        const seconds = await eventually("the third endpoint", 30_000, async () => {
          const server = await serverEndpoints();
          const ours = await ourEndpoints();
          return server.length === 3 && ours.join() === server.join() ? (performance.now() - returned) / 1000 : null;
        });
        const listsAfter = await lists();
        const relists = Object.entries(listsAfter).map(([kind, count]) => [kind, count - (listsBefore[kind] ?? 0)]);
        const after = await votesFromNowOn(cluster);
        console.log(
          `${after.sent - before.sent} votes, ${after.failures.length - before.failures.length} failed; ` +
            `new endpoint known ${seconds.toFixed(1)} s after the return; ` +
            `relists at most ${Math.max(...relists.map(([, count]) => Number(count)))} of a kind`,
        );
        expect(after.failures).toEqual(before.failures);
        expect(seconds).toBeLessThan(freshSeconds);
        expect(Object.fromEntries(relists.filter(([, count]) => Number(count) > 1))).toEqual({});
        expect(await restarts(cluster, "linkerd")).toEqual(restartsBefore);
        await ok(cluster.kubectl(["scale", "-n", "emojivoto", "deploy/emoji", "--replicas=2"]));
        await waitForDeployments(cluster.client, "emojivoto", 60_000);
      },
    );
  }

  /** Addresses of emoji's ready endpoints as the API server has them. */
  async function serverEndpoints(): Promise<string[]> {
    const { items } = await cluster.client.list<Pod>(resources.pods, {
      namespace: "emojivoto",
      labelSelector: "app=emoji",
    });
    return items
      .filter((pod) => pod.metadata.deletionTimestamp === undefined)
      .filter((pod) => pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True"))
      .map((pod) => pod.status?.podIP ?? "")
      .toSorted();
  }

  /** The same as the destination controller gives them to proxies. */
  async function ourEndpoints(): Promise<string[]> {
    const out = await ok(
      cluster.linkerd(["diagnostics", "endpoints", "emoji.emojivoto.svc.cluster.local:8080", "-o", "json"]),
    );
    return (JSON.parse(out) as { ip: string }[]).map(({ ip }) => ip).toSorted();
  }

  /** How often each program listed each kind since it started. */
  async function lists(): Promise<Record<string, number>> {
    const out = await ok(cluster.linkerd(["diagnostics", "controller-metrics"]));
    const counts: Record<string, number> = {};
    let source = "";
    for (const line of out.split("\n")) {
      if (line.startsWith("#") && line.includes("POD")) source = line;
      const match = /^kube_watch_lists_total(\{[^}]*\}) (\d+)/.exec(line);
      if (match !== null) counts[`${source} ${match[1]}`] = Number(match[2]);
    }
    if (Object.keys(counts).length === 0) throw new Error("no controller counts its lists");
    return counts;
  }
});
