import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import { FakeApi } from "#kube/testing/fake-api.ts";
import { memoryLog } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { text } from "#lib/metrics/text.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { compare, startSelfCheck } from "./self-check.ts";
import { endpointFor, pod, slice } from "./testing/builders.ts";
import { TestCluster } from "./testing/test-cluster.ts";
import { indexSources, type IndexSource } from "./watches.ts";

const { pods, endpointSlices } = resources;
let api: FakeApi;
beforeEach(() => {
  api = new FakeApi();
});
afterEach(() => api.stop());

function sourceOf(cluster: TestCluster, kind: string): IndexSource {
  const found = indexSources(cluster.index).find(({ resource }) => resource.kind === kind);
  if (found === undefined) throw new Error("no such source");
  return found;
}

describe("compare", () => {
  test("finds what is stale, missing or gone, and nothing in an index that is right", async () => {
    const cluster = new TestCluster();
    const same = api.put(pods, pod({ name: "same" }));
    const old = api.put(pods, pod({ name: "old" }));
    cluster.pods(same, old, pod({ name: "gone" }));
    const client = new KubeClient(api.access);
    api.put(pods, pod({ name: "old" }));
    api.put(pods, pod({ name: "missing" }));
    const found = await compare(client, sourceOf(cluster, "Pod"));
    expect([...found.keys()].toSorted()).toEqual(["web/gone", "web/missing", "web/old"]);
    expect(found.get("web/old")).toBe("listed 103, indexed 102");
  });

  test("does not miss objects that the index leaves out on purpose", async () => {
    const cluster = new TestCluster();
    const other = slice({ service: "x", endpoints: [endpointFor(pod({ name: "a" }))] });
    api.put(endpointSlices, { ...other, metadata: { ...other.metadata, labels: {} } });
    expect((await compare(new KubeClient(api.access), sourceOf(cluster, "EndpointSlice"))).size).toBe(0);
  });
});

describe("startSelfCheck", () => {
  test("counts a difference that stays, not one that was on its way", async () => {
    const cluster = new TestCluster();
    const clock = new FakeClock();
    const registry = new Registry();
    const { log, lines } = memoryLog();
    const source = sourceOf(cluster, "Pod");
    cluster.index.pods.reset([], []);
    api.put(pods, pod({ name: "lost" }));
    const late = api.put(pods, pod({ name: "late" }));
    /** A look is over when the check waits for its next one. */
    const looked = async (count: number): Promise<void> => {
      while (api.requests.length < count || clock.timers === 0) await Bun.sleep(1);
    };
    const check = startSelfCheck(new KubeClient(api.access), [source], registry, { clock, log });
    clock.advance(5 * 60_000);
    await looked(1);
    cluster.pods(late);
    clock.advance(15_000);
    await looked(2);
    expect(text(registry)).toContain('index_differences_total{kind="Pod"} 1\n');
    expect(lines.filter((line) => line.includes("web/lost")).length).toBe(1);
    expect(lines.some((line) => line.includes("web/late"))).toBe(false);
    check.stop();
    expect(clock.timers).toBe(0);
  });
});
