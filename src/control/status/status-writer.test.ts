import { afterEach, expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { Watchable } from "#lib/watchable.ts";
import { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import type { KubeEvent } from "#kube/events.ts";
import { FakeApi } from "#kube/testing/fake-api.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { pod, service } from "../testing/builders.ts";
import { policyObject } from "../testing/policy-objects.ts";
import { TestCluster } from "../testing/test-cluster.ts";
import { startStatusWriter } from "./status-writer.ts";

const ends: Array<() => unknown> = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const { httpRoutes } = resources;
type Route = KubeObject & { readonly status?: { readonly parents: ReadonlyArray<{ conditions: unknown[] }> } };

function world() {
  const api = new FakeApi();
  ends.push(() => api.stop());
  const clock = new FakeClock();
  const cluster = new TestCluster().services(service({ name: "api" }));
  const leader = new Watchable(false);
  const { log, lines } = memoryLog();
  const events: KubeEvent[] = [];
  const writer = startStatusWriter({
    index: cluster.index,
    client: new KubeClient(api.access),
    events: { write: (event) => void events.push(event) },
    leader,
    registry: new Registry(),
    clock,
    log,
    timeout: 5000,
    clusterNetworks: [],
  });
  ends.push(() => writer.stop());
  /** Stores the route and lets the index see what is stored. */
  const sync = (): void => {
    const stored = api.read<KubeObject>(httpRoutes, "route", "web");
    if (stored !== null) cluster.policies(stored as Parameters<TestCluster["policies"]>[0]);
  };
  const patches = (): number => api.requests.filter((line) => line.startsWith("PATCH")).length;
  const until = async (accept: () => boolean): Promise<void> => {
    while (!accept()) await Bun.sleep(1);
  };
  return { api, clock, cluster, events, leader, lines, sync, patches, until };
}
const route = (backend: string) =>
  policyObject(
    "HTTPRoute",
    "route",
    `{parentRefs: [{group: core, kind: Service, name: api}], rules: [{backendRefs: [{name: ${backend}, port: 80}]}]}`,
  );

test("only the leader writes, soon after a change, and only what differs", async () => {
  const { api, clock, leader, sync, patches, until } = world();
  api.put(httpRoutes, route("api"));
  sync();
  clock.advance(10_000);
  await Bun.sleep(5);
  expect(patches()).toBe(0);
  leader.set(true);
  clock.advance(500);
  await until(() => api.read<Route>(httpRoutes, "route", "web")?.status !== undefined);
  sync();
  await Bun.sleep(1);
  for (let round = 0; round < 5; round++) clock.advance(10_000);
  await Bun.sleep(5);
  expect(patches()).toBe(1);
});

test("a status that another hand changes is mended, and a conflict is left to the next look", async () => {
  const { api, clock, leader, sync, patches, until } = world();
  leader.set(true);
  api.put(httpRoutes, route("gone"));
  sync();
  // Somebody writes between the watch and us.
  api.put(httpRoutes, route("api"));
  clock.advance(500);
  await until(() => patches() === 1);
  await Bun.sleep(5);
  expect(api.read<Route>(httpRoutes, "route", "web")?.status).toBeUndefined();
  sync();
  // The look before may last until its answer has come.
  await until(() => {
    clock.advance(500);
    return api.read<Route>(httpRoutes, "route", "web")?.status !== undefined;
  });
  api.put(httpRoutes, { ...route("api"), status: { parents: [] } } as Route);
  sync();
  await until(() => {
    clock.advance(10_000);
    return api.read<Route>(httpRoutes, "route", "web")?.status?.parents.length === 1;
  });
});

test("a look that fails is told, and the next one writes", async () => {
  const { api, clock, cluster, leader, lines, sync, until } = world();
  leader.set(true);
  api.put(httpRoutes, route("api"));
  const { rateLimits } = cluster.index.policy;
  const values = rateLimits.values.bind(rateLimits);
  let failures = 0;
  rateLimits.values = () => {
    if (failures++ === 0) throw new Error("a bug");
    return values();
  };
  sync();
  clock.advance(500);
  await until(() => failures === 1 && lines.length > 0);
  expect(lines.join("")).toContain("Judging statuses failed, trying again");
  clock.advance(10_000);
  await until(() => api.read<Route>(httpRoutes, "route", "web")?.status !== undefined);
});

test("of Servers that select the same port of a pod the younger one is told in an event, once while it lasts", async () => {
  const { clock, cluster, events, leader, until } = world();
  const server = (name: string, created: string, port: string) => {
    const object = policyObject("Server", name, `{podSelector: {matchLabels: {app: api}}, port: ${port}}`);
    return { ...object, metadata: { ...object.metadata, creationTimestamp: created, uid: `uid-${name}` } };
  };
  cluster.pods(
    pod({ name: "api-1", labels: { app: "api" } }),
    pod({ name: "api-2", labels: { app: "api" } }),
    pod({ name: "other", labels: { app: "other" } }),
  );
  cluster.policies(server("b-old", "2026-01-01T00:00:00Z", "8080"), server("a-new", "2026-01-02T00:00:00Z", "http"));
  cluster.policies(server("elsewhere", "2026-01-03T00:00:00Z", "9090"));
  clock.advance(10_000);
  await Bun.sleep(1);
  expect(events).toEqual([]);
  leader.set(true);
  clock.advance(500);
  await until(() => events.length > 0);
  expect(events).toEqual([
    {
      object: {
        apiVersion: "policy.linkerd.io/v1beta3",
        kind: "Server",
        namespace: "web",
        name: "a-new",
        uid: "uid-a-new",
      },
      type: "Warning",
      reason: "ServerOverlap",
      message:
        'Server "b-old" is older and selects port http of pod "api-1" and 1 other as well: there it counts, and "a-new" does not',
    },
  ]);
  cluster.pods(pod({ name: "api-3", labels: { app: "api" } }));
  clock.advance(20_000);
  await Bun.sleep(1);
  clock.advance(20_000);
  await Bun.sleep(1);
  expect(events.length).toBe(1);
});

test("a stored policy with a mistake is told in its status by the leader, and once in the log", async () => {
  const { api, clock, cluster, leader, lines, until } = world();
  leader.set(true);
  const broken = policyObject(
    "DenyPolicy",
    "no-bots",
    "{targetRef: {group: policy.linkerd.io, kind: Server, name: srv}, clients: []}",
  );
  api.put(resources.denyPolicies, broken);
  const sync = () =>
    cluster.policies(
      api.read<KubeObject>(resources.denyPolicies, "no-bots", "web") as Parameters<TestCluster["policies"]>[0],
    );
  sync();
  clock.advance(500);
  const stored = () =>
    api.read<KubeObject & { readonly status?: unknown }>(resources.denyPolicies, "no-bots", "web")?.status;
  await until(() => stored() !== undefined);
  expect(stored()).toMatchObject({
    conditions: [
      {
        type: "Accepted",
        status: "False",
        reason: "UnsupportedValue",
        message: 'Not valid: spec.clients: is empty; it denies everybody at Server "srv"',
      },
      { type: "ResolvedRefs", status: "False", reason: "TargetNotFound" },
    ],
  });
  sync();
  clock.advance(10_000);
  await Bun.sleep(1);
  clock.advance(10_000);
  await Bun.sleep(1);
  expect(lines.filter((line) => line.includes("A resource that is not valid is stored")).length).toBe(1);
  expect(lines.join("")).toContain("spec.clients: is empty");
});
