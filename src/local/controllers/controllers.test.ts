/** The controllers together over the real API, with a node that only says that its pods are ready. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { createKey } from "#lib/x509/key.ts";
import { createApi } from "../api/app.ts";
import type { LocalClient } from "../api/client.ts";
import { resources, type ResourceRef } from "../api/resource-ref.ts";
import { Store } from "../store/store.ts";
import type { EndpointSlice, Pod, Service } from "../types.ts";
import { startControllers } from "./app.ts";
import type { Workload } from "./workload.ts";

let client: LocalClient;
let clock: FakeClock;
let stop: () => void;
const tokenKeyPem = createKey().privateKeyPem;

beforeEach(async () => {
  clock = new FakeClock();
  const { log } = memoryLog();
  const store = new Store();
  ({ client } = await createApi({ store, clock, log, tokenKeyPem }));
  await client.create(resources.nodes, { apiVersion: "v1", kind: "Node", metadata: { name: "local" } });
  const controllers = await startControllers({ client, store, clock, log, caPem: "CA" });
  let next = 2;
  const stopNode = client.watch<Pod>(resources.pods, { fieldSelector: "spec.nodeName=local" }, ({ type, object }) => {
    const { namespace = "", name, uid, deletionTimestamp } = object.metadata;
    if (type === "DELETED") return;
    if (deletionTimestamp !== undefined)
      void client.delete(resources.pods, namespace, name, { gracePeriodSeconds: 0, uid }).catch(() => {});
    else if (object.status?.podIP === undefined) void becomeReady(namespace, name, `10.244.0.${next++}`);
  });
  stop = () => {
    stopNode();
    controllers.stop();
  };
});
afterEach(() => stop());

async function becomeReady(namespace: string, name: string, podIP: string): Promise<void> {
  const conditions = [{ type: "Ready", status: "True", lastTransitionTime: new Date(clock.wall()).toISOString() }];
  await client
    .patch(
      resources.pods,
      namespace,
      name,
      { status: { phase: "Running", podIP, conditions } },
      { subresource: "status" },
    )
    .catch(() => {});
}

/** Lets everything that is under way come to rest, time moving on a little. */
async function settle(ms = 1_000): Promise<void> {
  for (let passed = 0; passed <= ms; passed += 100) {
    for (let i = 0; i < 8; i++) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(100);
  }
}

const template = (version: string, labels: Record<string, string> = { app: "web" }) => ({
  metadata: { labels },
  spec: { containers: [{ name: "web", image: `web:${version}`, ports: [{ name: "http", containerPort: 8080 }] }] },
});

async function deploy(
  name: string,
  replicas: number,
  kind: "Deployment" | "StatefulSet" | "DaemonSet" = "Deployment",
): Promise<void> {
  const ref: ResourceRef = {
    Deployment: resources.deployments,
    StatefulSet: resources.statefulSets,
    DaemonSet: resources.daemonSets,
  }[kind];
  const spec = { selector: { matchLabels: { app: "web" } }, template: template("1") };
  const sized = kind === "DaemonSet" ? spec : { ...spec, replicas };
  const serviceName = kind === "StatefulSet" ? { serviceName: "web" } : {};
  await client.create(ref, {
    apiVersion: "apps/v1",
    kind,
    metadata: { name, namespace: "default" },
    spec: { ...sized, ...serviceName },
  });
}

const podsOf = (): Pod[] => client.list<Pod>(resources.pods, { namespace: "default", labelSelector: "app=web" });
const images = (): string[] => podsOf().map(({ spec }) => spec.containers[0]?.image ?? "");

test("Every namespace gets its ServiceAccount and the cluster's authority", async () => {
  await client.create(resources.namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
  await settle();
  expect(client.get(resources.serviceAccounts, "shop", "default")).not.toBeNull();
  expect(client.get(resources.configMaps, "shop", "kube-root-ca.crt")?.["data"]).toEqual({ "ca.crt": "CA" });
});

test("A Deployment makes its pods, and says when they are there", async () => {
  await deploy("web", 3);
  await settle();
  expect(podsOf()).toHaveLength(3);
  expect(podsOf().every(({ spec }) => spec.nodeName === "local")).toBe(true);
  const deployment = client.get<Workload>(resources.deployments, "default", "web");
  expect(deployment?.status).toMatchObject({ replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 });
  expect(deployment?.status?.conditions?.map(({ type, status }) => `${type}=${status}`)).toEqual([
    "Available=True",
    "Progressing=True",
  ]);
  expect(deployment?.metadata.annotations?.["deployment.kubernetes.io/revision"]).toBe("1");
});

test("A new template replaces all pods, never with fewer than may be missing, and going back reuses the old ReplicaSet", async () => {
  await deploy("web", 4);
  await settle();
  let fewest = 4;
  const watching = client.watch<Pod>(resources.pods, {}, () => {
    fewest = Math.min(
      fewest,
      podsOf().filter(
        ({ metadata, status }) =>
          metadata.deletionTimestamp === undefined && status?.conditions?.[0]?.status === "True",
      ).length,
    );
  });
  await client.patch(resources.deployments, "default", "web", { spec: { template: template("2") } });
  await settle(3_000);
  watching();
  expect(images()).toEqual(["web:2", "web:2", "web:2", "web:2"]);
  expect(fewest).toBeGreaterThanOrEqual(3);
  await client.patch(resources.deployments, "default", "web", { spec: { template: template("1") } });
  await settle(3_000);
  expect(images()).toEqual(["web:1", "web:1", "web:1", "web:1"]);
  expect(client.list(resources.replicaSets)).toHaveLength(2);
  expect(
    client.get<Workload>(resources.deployments, "default", "web")?.metadata.annotations?.[
      "deployment.kubernetes.io/revision"
    ],
  ).toBe("3");
});

test("Scaling and a lost pod are followed", async () => {
  await deploy("web", 1);
  await settle();
  await client.patch(resources.deployments, "default", "web", { spec: { replicas: 3 } });
  await settle();
  const [first] = podsOf();
  await client.delete(resources.pods, "default", first?.metadata.name ?? "");
  await settle();
  expect(podsOf()).toHaveLength(3);
  expect(podsOf().some(({ metadata }) => metadata.uid === first?.metadata.uid)).toBe(false);
  await client.patch(resources.deployments, "default", "web", { spec: { replicas: 0 } });
  await settle();
  expect(podsOf()).toEqual([]);
});

test("Deleting a Deployment takes its ReplicaSets and pods along, unless they are to be orphaned", async () => {
  await deploy("web", 2);
  await settle();
  await client.delete(resources.deployments, "default", "web");
  await settle();
  expect([client.list(resources.replicaSets), podsOf()]).toEqual([[], []]);
  await deploy("web", 2);
  await settle();
  await client.delete(resources.deployments, "default", "web", { propagationPolicy: "Orphan" });
  await settle();
  expect(client.get(resources.deployments, "default", "web")).toBeNull();
  expect(client.list(resources.replicaSets).map(({ metadata }) => metadata.ownerReferences ?? [])).toEqual([[]]);
  expect(podsOf()).toHaveLength(2);
});

test("A foreground deletion waits for the dependents", async () => {
  await deploy("web", 1);
  await settle();
  await client.delete(resources.deployments, "default", "web", { propagationPolicy: "Foreground" });
  expect(client.get(resources.deployments, "default", "web")?.metadata.deletionTimestamp).toBeDefined();
  await settle(2_000);
  expect([client.get(resources.deployments, "default", "web"), client.list(resources.replicaSets), podsOf()]).toEqual([
    null,
    [],
    [],
  ]);
});

test("A Service's EndpointSlice and Endpoints follow its pods", async () => {
  const spec = { selector: { app: "web" }, ports: [{ name: "http", port: 80, targetPort: "http" }] };
  await client.create<Service>(resources.services, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default" },
    spec,
  });
  await deploy("web", 2);
  await settle();
  const slices = (): EndpointSlice[] =>
    client.list<EndpointSlice>(resources.endpointSlices, { labelSelector: "kubernetes.io/service-name=web" });
  expect(
    slices()
      .flatMap(({ endpoints }) => endpoints ?? [])
      .map(({ conditions }) => conditions?.ready),
  ).toEqual([true, true]);
  expect(slices()[0]?.ports).toEqual([{ name: "http", port: 8080, protocol: "TCP" }]);
  expect(client.get(resources.endpoints, "default", "web")?.["subsets"]).toMatchObject([
    { ports: [{ name: "http", port: 8080 }] },
  ]);
  await client.patch(resources.deployments, "default", "web", { spec: { replicas: 0 } });
  await settle();
  expect(slices().flatMap(({ endpoints }) => endpoints ?? [])).toEqual([]);
  await client.delete(resources.services, "default", "web");
  await settle();
  expect([slices(), client.get(resources.endpoints, "default", "web")]).toEqual([[], null]);
});

test("A StatefulSet's pods are numbered, and a DaemonSet has one pod on the node", async () => {
  await deploy("db", 2, "StatefulSet");
  await settle(2_000);
  expect(podsOf().map(({ metadata, spec }) => [metadata.name, spec.hostname, spec.subdomain])).toEqual([
    ["db-0", "db-0", "web"],
    ["db-1", "db-1", "web"],
  ]);
  await client.delete(resources.statefulSets, "default", "db");
  await settle();
  await deploy("agent", 1, "DaemonSet");
  await settle();
  expect(podsOf()).toHaveLength(1);
  expect(client.get<Workload>(resources.daemonSets, "default", "agent")?.status).toMatchObject({
    desiredNumberScheduled: 1,
    numberReady: 1,
  });
});

test("A deleted namespace is emptied and then gone", async () => {
  await client.create(resources.namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
  await client.create(resources.configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "c", namespace: "shop" },
  });
  await settle();
  await client.delete(resources.namespaces, "", "shop");
  await settle(2_000);
  expect([client.get(resources.namespaces, "", "shop"), client.get(resources.configMaps, "shop", "c")]).toEqual([
    null,
    null,
  ]);
});
