/**
 * What the mesh is worth when its control plane, the API server or etcd is gone: every request still succeeds, and what
 * changed meanwhile is known within 10 s of the return, without asking for everything again and again.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { clusterKind, eventually, hasKubectl, ok, startCluster, type TestCluster } from "../harness/cluster.ts";
import { installMesh } from "../harness/mesh.ts";
import { expectNoneFailed, restarts, startVotes, votes, votesFromNowOn } from "../harness/vote-load.ts";

const rate = 100;
const outageSeconds = 8;
const freshSeconds = 10;

describe.skipIf(!hasKubectl)(`under ${rate} votes a second`, () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startCluster("outages");
    await installMesh(cluster);
    await startVotes(cluster, { rate, replicas: 2 });
  });
  afterAll(async () => {
    await cluster?.stop();
  });

  for (const name of ["identity", "destination", "proxy-injector"]) {
    test(`the pod of ${name} is killed and no vote is lost`, async () => {
      const labels = ["-n", "linkerd", "-l", `linkerd.io/control-plane-component=${name}`];
      const start = performance.now();
      const killed = await ok(
        cluster.kubectl(["delete", "pod", "--grace-period=0", "--force", "-o", "name", ...labels]),
      );
      await eventually("a new pod", 30_000, async () => {
        const pods = await ok(cluster.kubectl(["get", "pod", "-o", "name", ...labels]));
        return pods !== "" && !pods.includes(killed.trim()) ? true : null;
      });
      await ok(cluster.kubectl(["wait", "pod", "--for=condition=Ready", "--timeout=60s", ...labels]));
      console.log(`linkerd-${name} was back after ${((performance.now() - start) / 1000).toFixed(1)} s`);
      await Bun.sleep(3000); // Votes that only the new pod could have spoilt.
      await expectNoneFailed(cluster, await votes(cluster));
    });
  }

  for (const component of ["apiserver", "etcd"] as const) {
    test.skipIf(clusterKind !== "kubernetes")(
      `${component} is gone for ${outageSeconds} s, no vote is lost, and endpoints are right ${freshSeconds} s after its return`,
      async () => {
        const hold = cluster.hold;
        if (hold === null) throw new Error("this cluster can't stop its API server");
        await writeEndpoints(["192.0.2.1"]);
        await eventually("the first endpoint", 10_000, async () =>
          (await knownEndpoints()).length === 1 ? true : null,
        );
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
        // Written by hand, so that only our own caches are between the API server and the answer.
        await writeEndpoints(["192.0.2.2", "192.0.2.3"]);
        await eventually("the new endpoints", 30_000, async () =>
          (await knownEndpoints()).join() === "192.0.2.2,192.0.2.3" ? true : null,
        );
        const seconds = (performance.now() - returned) / 1000;
        const listsAfter = await lists();
        const relists = Object.entries(listsAfter).map(([kind, count]) => [kind, count - (listsBefore[kind] ?? 0)]);
        const after = await votes(cluster);
        console.log(
          `${after.sent - before.sent} votes, ${after.failures.length - before.failures.length} failed; ` +
            `new endpoints known ${seconds.toFixed(1)} s after the return; ` +
            `relists at most ${Math.max(...relists.map(([, count]) => Number(count)))} of a kind`,
        );
        await expectNoneFailed(cluster, after);
        expect(seconds).toBeLessThan(freshSeconds);
        expect(Object.fromEntries(relists.filter(([, count]) => Number(count) > 1))).toEqual({});
        expect(await restarts(cluster, "linkerd")).toEqual(restartsBefore);
      },
    );
  }

  test("all votes arrived in the end, and no index was found to differ from the server", async () => {
    const counted = await votesFromNowOn(cluster);
    console.log(`${counted.sent} votes, ${counted.failures.length} failed`);
    await expectNoneFailed(cluster, counted);
    expect(counted.sent).toBeGreaterThan(1000);
    const metrics = await ok(cluster.linkerd(["diagnostics", "controller-metrics"]));
    const differences = [...metrics.matchAll(/^index_differences_total(?:\{[^}]*\})? (\d+)/gm)].map(([, n]) =>
      Number(n),
    );
    expect(differences.every((count) => count === 0)).toBe(true);
  });

  /** A Service without pods, whose addresses are written by hand. */
  async function writeEndpoints(addresses: readonly string[]): Promise<void> {
    const metadata = { name: "by-hand", namespace: "emojivoto" };
    const port = { name: "http", port: 8080, protocol: "TCP" };
    const items = [
      { apiVersion: "v1", kind: "Service", metadata, spec: { ports: [port] } },
      {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: { ...metadata, labels: { "kubernetes.io/service-name": "by-hand" } },
        addressType: "IPv4",
        ports: [port],
        endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
      },
    ];
    await ok(cluster.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items })));
  }

  /** Its addresses as the destination controller gives them to proxies. */
  async function knownEndpoints(): Promise<string[]> {
    const out = await ok(
      cluster.linkerd(["diagnostics", "endpoints", "by-hand.emojivoto.svc.cluster.local:8080", "-o", "json"]),
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
