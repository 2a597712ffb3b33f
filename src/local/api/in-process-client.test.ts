import { expect, test } from "bun:test";
import type { LocalEvent } from "./client.ts";
import { resources } from "./resource-ref.ts";
import { isStatus } from "./status-error.ts";
import { createFixture, podObject } from "./testing/fixture.ts";
import type { KubeObject } from "../store/object.ts";

const { pods, configMaps } = resources;

async function reasonOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "none";
  } catch (thrown) {
    for (const reason of [
      "NotFound",
      "AlreadyExists",
      "Conflict",
      "Invalid",
      "BadRequest",
      "Forbidden",
      "NotImplemented",
    ]) {
      if (isStatus(thrown, reason)) return reason;
    }
    throw thrown;
  }
}

test("a created object gets its identity and defaults", async () => {
  const { api } = await createFixture();
  const pod = await api.client.create(pods, podObject("web"));
  expect(pod.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
  expect(pod.metadata.creationTimestamp).toBe("2026-01-01T00:00:00Z");
  expect(pod["spec"]).toMatchObject({ restartPolicy: "Always", terminationGracePeriodSeconds: 30 });
});

test("names are taken once, and a namespace must exist", async () => {
  const { api } = await createFixture();
  await api.client.create(pods, podObject("web"));
  expect(await reasonOf(api.client.create(pods, podObject("web")))).toBe("AlreadyExists");
  const lost = { ...podObject("web"), metadata: { name: "web", namespace: "nowhere" } };
  expect(await reasonOf(api.client.create(pods, lost))).toBe("NotFound");
});

test("an update with a stale resourceVersion is a conflict, one without is not", async () => {
  const { api } = await createFixture();
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "default" }, data: { a: "1" } };
  const first = await api.client.create(configMaps, map);
  await api.client.patch(configMaps, "default", "c", { data: { a: "2" } });
  expect(await reasonOf(api.client.update(configMaps, { ...first, data: { a: "3" } }))).toBe("Conflict");
  const free = { ...first, metadata: { ...first.metadata, resourceVersion: "" }, data: { a: "3" } };
  expect((await api.client.update(configMaps, free))["data"]).toEqual({ a: "3" });
});

test("a write that changes nothing makes no event", async () => {
  const { api, store } = await createFixture();
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "default" }, data: { a: "1" } };
  const first = await api.client.create(configMaps, map);
  const before = store.revision;
  await api.client.update(configMaps, first);
  await api.client.patch(configMaps, "default", "c", { data: { a: "1" } });
  expect(store.revision).toBe(before);
});

test("status and the rest are written apart", async () => {
  const { api } = await createFixture();
  const pod = await api.client.create(pods, podObject("web"));
  const changed = structuredClone(pod);
  changed["status"] = { phase: "Running" };
  changed.metadata.labels = { app: "other" };
  const afterStatus = await api.client.updateStatus(pods, changed);
  expect(afterStatus["status"]).toMatchObject({ phase: "Running" });
  expect(afterStatus.metadata.labels).toEqual({ app: "web" });
  const wipe = structuredClone(afterStatus);
  delete wipe["status"];
  wipe.metadata.labels = { app: "other" };
  const afterUpdate = await api.client.update(pods, wipe);
  expect(afterUpdate["status"]).toMatchObject({ phase: "Running" });
  expect(afterUpdate.metadata.labels).toEqual({ app: "other" });
});

test("a watch starts with what is there and shows objects entering and leaving its selector", async () => {
  const { api } = await createFixture();
  await api.client.create(pods, podObject("a"));
  const seen: string[] = [];
  const stop = api.client.watch(pods, { labelSelector: "app=a" }, (event: LocalEvent<KubeObject>) => {
    seen.push(`${event.type} ${event.object.metadata.name}`);
  });
  expect(seen).toEqual(["ADDED a"]);
  await api.client.create(pods, podObject("b"));
  await api.client.patch(pods, "default", "b", { metadata: { labels: { app: "a" } } });
  await api.client.patch(pods, "default", "b", { metadata: { labels: { app: "b" } } });
  await Promise.resolve();
  expect(seen).toEqual(["ADDED a", "ADDED b", "DELETED b"]);
  stop();
  await api.client.delete(pods, "default", "a");
  expect(seen).toHaveLength(3);
});

test("a bound pod stays until its grace is over, an unbound one goes at once", async () => {
  const { api } = await createFixture();
  await api.client.create(pods, podObject("unbound"));
  await api.client.delete(pods, "default", "unbound");
  expect(api.client.get(pods, "default", "unbound")).toBeNull();

  await api.client.create(pods, podObject("bound"));
  await api.client.bind("default", "bound", "local");
  await api.client.delete(pods, "default", "bound");
  expect(api.client.get(pods, "default", "bound")?.metadata.deletionGracePeriodSeconds).toBe(30);
  expect(api.client.get(pods, "default", "bound")?.metadata.deletionTimestamp).toBe("2026-01-01T00:00:30Z");
  await api.client.delete(pods, "default", "bound", { gracePeriodSeconds: 0 });
  expect(api.client.get(pods, "default", "bound")).toBeNull();
});

test("a finalizer holds a deleted object until it is taken off", async () => {
  const { api } = await createFixture();
  const metadata = { name: "c", namespace: "default", finalizers: ["example.com/hold"] };
  await api.client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata });
  await api.client.delete(configMaps, "default", "c");
  expect(api.client.get(configMaps, "default", "c")?.metadata.deletionTimestamp).toBeString();
  await api.client.patch(configMaps, "default", "c", { metadata: { finalizers: null } });
  expect(api.client.get(configMaps, "default", "c")).toBeNull();
});

test("a kind that the cluster refuses says why", async () => {
  const { api } = await createFixture();
  const claims = { group: "", version: "v1", resource: "persistentvolumeclaims" };
  const claim = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "x", namespace: "default" } };
  expect(await reasonOf(api.client.create(claims, claim))).toBe("NotImplemented");
});
