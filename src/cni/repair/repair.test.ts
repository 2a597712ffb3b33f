import { expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import { memoryLog } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { text } from "#lib/metrics/text.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import type { KubeEvent } from "#kube/events.ts";
import type { Pod } from "#kube/types/core.ts";
import { Repair, type RepairDeps } from "./app.ts";
import { readConfig } from "./config.ts";
import { repairNeed } from "./need.ts";

const config = readConfig(["--incoming-proxy-port", "4143", "--outgoing-proxy-port", "4140", "--proxy-uid", "2102"], {
  LINKERD_CNI_NODE_NAME: "node1",
});
if (config === null) throw new Error("no configuration");
const { rules } = config;

function pod(validator: object | null, more: object = {}): Pod {
  const status = validator === null ? [] : [{ name: "linkerd-network-validator", ready: false, ...validator }];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "web",
      namespace: "shop",
      uid: "u1",
      ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: "r", controller: true }],
    },
    spec: {
      containers: [{ name: "app" }],
      initContainers: [{ name: "linkerd-network-validator" }, { name: "linkerd-proxy" }],
    },
    status: { phase: "Pending", podIP: "10.244.0.9", initContainerStatuses: status },
    ...more,
  };
}

const running = { state: { running: { startedAt: "now" } } };
const failed = { state: { terminated: { exitCode: 95 } } };

test.each<[string, object | null, string]>([
  ["has not begun", null, "none"],
  ["waits for its image", { state: { waiting: { reason: "PodInitializing" } } }, "none"],
  ["looks", running, "waiting"],
  ["is content", { state: { terminated: { exitCode: 0 } } }, "none"],
  ["gave up", failed, "failed"],
  ["will be started again", { state: { waiting: { reason: "CrashLoopBackOff" } }, lastState: failed.state }, "failed"],
  ["looks again", { ...running, lastState: failed.state }, "failed"],
])("A pod whose validator %s", (_, validator, need) => {
  expect(repairNeed(pod(validator))).toBe(need as "none");
});

test("A pod that ends needs nothing", () => {
  expect(repairNeed(pod(failed, { metadata: { name: "web", deletionTimestamp: "now" } }))).toBe("none");
  expect(repairNeed(pod(failed, { status: { phase: "Failed" } }))).toBe("none");
});

function setup(more: Partial<RepairDeps> = {}): {
  repair: Repair;
  calls: string[];
  clock: FakeClock;
  metric: (name: string) => string | undefined;
} {
  const calls: string[] = [];
  const clock = new FakeClock();
  const registry = new Registry();
  const repair = new Repair({
    rules,
    client: {
      createSub: async <T>(_: unknown, name: string, namespace: string | undefined, sub: string): Promise<T> => {
        calls.push(`${sub} ${namespace}/${name}`);
        return {} as T;
      },
    },
    events: { write: ({ type, reason }: KubeEvent) => void calls.push(`${type} ${reason}`) },
    findNamespace: (ips) => (ips.includes("10.244.0.9") ? "/run/netns/web" : null),
    ensure: (netns, { name }) => calls.push(`install ${netns} ${name}`) > 0,
    clock,
    log: memoryLog().log,
    registry,
    ...more,
  });
  const metric = (name: string): string | undefined =>
    new RegExp(`^linkerd_cni_repair_controller_${name} (\\d+)`, "m").exec(text(registry))?.[1];
  return { repair, calls, clock, metric };
}

/** Lets pending promises go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("A waiting pod gets its rules at once, and an Event says so", async () => {
  const { repair, calls, metric } = setup();
  repair.apply(pod(running));
  await settle();
  expect(calls).toEqual(["install /run/netns/web linkerd", "Normal RedirectRepaired"]);
  expect([metric("repairs_total"), metric("waiting_pods")]).toEqual(["1", "0"]);
});

test("A pod whose rules are there is left alone", async () => {
  const { repair, calls } = setup({ ensure: () => false });
  repair.apply(pod(running));
  await settle();
  expect(calls).toEqual([]);
});

test("A pod without a namespace yet is looked at again while its validator waits", async () => {
  let found: string | null = null;
  const { repair, calls, clock } = setup({ findNamespace: () => found });
  repair.apply(pod(running));
  await settle();
  expect(calls).toEqual([]);
  found = "/run/netns/late";
  clock.advance(1000);
  await settle();
  expect(calls).toEqual(["install /run/netns/late linkerd", "Normal RedirectRepaired"]);
});

test("A pod that can't be repaired is evicted with an Event when its validator gave up", async () => {
  const { repair, calls, metric } = setup({ findNamespace: () => null });
  repair.apply(pod(failed));
  await settle();
  expect(calls).toEqual(["eviction shop/web", "Warning RedirectMissing"]);
  expect([metric("evictions_total"), metric("failures_total")]).toEqual(["1", "1"]);
});

test("A pod that nobody would make again is not evicted", async () => {
  const { repair, calls } = setup({ findNamespace: () => null });
  repair.apply(pod(failed, { metadata: { name: "web", namespace: "shop" } }));
  await settle();
  expect(calls).toEqual(["Warning RedirectMissing"]);
});

test("An eviction that a disruption budget forbids is tried again until the pod is gone", async () => {
  let tries = 0;
  const { repair, clock } = setup({
    findNamespace: () => null,
    client: {
      createSub: async () => {
        tries++;
        throw new MeshError("resource-exhausted", "Cannot evict pod");
      },
    },
  });
  repair.reset([pod(failed)], []);
  await settle();
  clock.advance(1000);
  await settle();
  expect(tries).toBe(2);
  repair.delete("shop", "web");
  clock.advance(5000);
  await settle();
  expect(tries).toBe(2);
});

test("A pod whose namespace is not clear gets no rules and is not evicted; an Event says so once", async () => {
  let clear = false;
  const messages: string[] = [];
  const { repair, calls, clock } = setup({
    findNamespace: () => {
      if (clear) return "/run/netns/web";
      throw new MeshError("conflict", "The address is in 2 network namespaces");
    },
    events: { write: ({ message }: KubeEvent) => void messages.push(message) },
  });
  repair.apply(pod(failed));
  await settle();
  for (let second = 0; second < 3; second++) {
    clock.advance(1000);
    await settle();
  }
  repair.apply(pod(failed));
  await settle();
  expect(messages).toEqual([
    "The pod's traffic is not redirected to the proxy: The address is in 2 network namespaces",
  ]);
  expect(calls).toEqual([]);
  clear = true;
  clock.advance(1000);
  await settle();
  expect(calls).toEqual(["install /run/netns/web linkerd"]);
});

test("A node evicts at most 3 pods in 5 minutes, and an Event says why it stopped", async () => {
  const messages: string[] = [];
  const { repair, calls, clock } = setup({
    findNamespace: () => null,
    events: { write: ({ message }: KubeEvent) => void messages.push(message) },
  });
  const named = (name: string): Pod => ({
    ...pod(failed),
    metadata: { ...pod(failed).metadata, name, uid: name },
  });
  for (const name of ["a", "b", "c", "d"]) {
    repair.apply(named(name));
    await settle();
  }
  for (let second = 0; second < 3; second++) {
    clock.advance(1000);
    await settle();
  }
  expect(calls).toEqual(["eviction shop/a", "eviction shop/b", "eviction shop/c"]);
  expect(messages.filter((message) => message.startsWith("Evicted"))).toHaveLength(3);
  expect(messages.slice(3)).toEqual([
    expect.stringContaining("Not evicted, because 3 pods of this node were within 5 minutes and it did not help"),
  ]);
  for (const wait of [5 * 60_000, 1000]) {
    clock.advance(wait);
    await settle();
  }
  expect(calls).toHaveLength(4);
});

test("The node's name is needed", () => {
  expect(() => readConfig([], {})).toThrow("LINKERD_CNI_NODE_NAME");
});
