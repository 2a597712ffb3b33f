import { afterEach, expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { Watchable } from "#lib/watchable.ts";
import type { EndpointSlice } from "#kube/types/discovery.ts";
import { externalWorkload, service } from "../testing/builders.ts";
import { TestCluster } from "../testing/test-cluster.ts";
import { type SliceWriterOptions, startSliceWriter } from "./slice-writer.ts";
import { wantedSlices } from "./wanted-slices.ts";

const ends: Array<() => unknown> = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const selector = { app: "api" };
const ports = [{ name: "http", port: 80, targetPort: "http" }];
const api = service({ name: "api", selector, ports });

function slices(cluster: TestCluster): EndpointSlice[] {
  return [...wantedSlices(cluster.index).values()];
}

test("a Service has a slice of the ExternalWorkloads that it selects, with the ports behind its own", () => {
  const cluster = new TestCluster()
    .services(api)
    .externalWorkloads(
      externalWorkload("vm-2", "192.0.2.2", { ready: false }),
      externalWorkload("vm-1", "192.0.2.1"),
      externalWorkload("other", "192.0.2.9", { labels: { app: "other" } }),
    );
  expect(slices(cluster)).toMatchObject([
    {
      metadata: {
        namespace: "web",
        labels: {
          "kubernetes.io/service-name": "api",
          "endpointslice.kubernetes.io/managed-by": "linkerd-external-workloads-controller",
        },
      },
      addressType: "IPv4",
      ports: [{ name: "http", port: 8080, protocol: "TCP" }],
      endpoints: [
        {
          addresses: ["192.0.2.1"],
          conditions: { ready: true },
          targetRef: { kind: "ExternalWorkload", name: "vm-1" },
        },
        { addresses: ["192.0.2.2"], conditions: { ready: false } },
      ],
    },
  ]);
});

test("a Service without selector, or without a port that the machine has, gets none", () => {
  const cluster = new TestCluster()
    .services(service({ name: "api" }), service({ name: "b", selector, ports: [{ port: 1, targetPort: "other" }] }))
    .externalWorkloads(externalWorkload("vm-1", "192.0.2.1"));
  expect(slices(cluster)).toEqual([]);
});

test("addresses of both families get slices of their own, and more than a hundred are spread", () => {
  const many = Array.from({ length: 150 }, (_, i) => externalWorkload(`vm-${i}`, `192.0.2.${i}`));
  const cluster = new TestCluster().services(api).externalWorkloads(...many, externalWorkload("six", "2001:db8::1"));
  expect(slices(cluster).map(({ addressType, endpoints }) => `${addressType} ${endpoints?.length}`)).toEqual([
    "IPv6 1",
    "IPv4 100",
    "IPv4 50",
  ]);
  expect(new Set(slices(cluster).map(({ metadata }) => metadata.name)).size).toBe(3);
});

/** Slices in memory, with what was asked for. */
function store() {
  const kept = new Map<string, EndpointSlice>();
  const calls: string[] = [];
  const put = (slice: EndpointSlice, call: string) => {
    calls.push(call);
    kept.set(slice.metadata.name, slice);
    return Promise.resolve(slice);
  };
  const client = {
    list: () => {
      calls.push("list");
      return Promise.resolve({ items: [...kept.values()], resourceVersion: "1" });
    },
    create: (_resource: unknown, slice: object) => put(slice as EndpointSlice, "create"),
    replace: (_resource: unknown, slice: object) => put(slice as EndpointSlice, "replace"),
    delete: (_resource: unknown, name: string) => {
      calls.push("delete");
      kept.delete(name);
      return Promise.resolve();
    },
  };
  return { kept, calls, client: client as unknown as SliceWriterOptions["client"] };
}

test("only the leader writes; what changes is replaced, what nobody wants is deleted, and nothing is written twice", async () => {
  const { kept, calls, client } = store();
  const clock = new FakeClock();
  const cluster = new TestCluster().services(api).externalWorkloads(externalWorkload("vm-1", "192.0.2.1"));
  const leader = new Watchable(false);
  const { log, lines } = memoryLog();
  const writer = startSliceWriter({ index: cluster.index, client, leader, registry: new Registry(), clock, log });
  ends.push(() => writer.stop());
  const look = async (delay = 500): Promise<string[]> => {
    clock.advance(delay);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    return calls.splice(0);
  };
  expect(await look()).toEqual([]);
  leader.set(true);
  expect(await look()).toEqual(["list", "create"]);
  expect([...kept.values()]).toMatchObject([{ endpoints: [{ conditions: { ready: true } }] }]);

  cluster.externalWorkloads(externalWorkload("vm-1", "192.0.2.1", { ready: false }));
  expect(await look()).toEqual(["list", "replace"]);
  expect([...kept.values()]).toMatchObject([{ endpoints: [{ conditions: { ready: false } }] }]);
  expect(await look(60_000)).toEqual(["list"]);

  cluster.index.externalWorkloads.delete("web", "vm-1");
  expect(await look()).toEqual(["list", "delete"]);
  expect(await look(60_000)).toEqual([]);
  expect(lines).toEqual([]);
});
