import { expect, test } from "bun:test";
import type { Fixture } from "./testing/fixture.ts";
import { createFixture } from "./testing/fixture.ts";
import { resources } from "./resource-ref.ts";
import type { KubeObject } from "../store/object.ts";

const { configMaps } = resources;

async function make(
  { api }: Fixture,
  name: string,
  owners: readonly KubeObject[] = [],
  finalizers: string[] = [],
): Promise<KubeObject> {
  const ownerReferences = owners.map((owner) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    blockOwnerDeletion: true,
  }));
  return api.client.create(configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "default", ownerReferences, finalizers },
  });
}

/** Collection runs in microtasks after the write. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

const names = ({ api }: Fixture): string[] => api.client.list(configMaps).map((item) => item.metadata.name);

test("dependents go with their last owner, down to grandchildren", async () => {
  const fixture = await createFixture();
  const [a, b] = [await make(fixture, "a"), await make(fixture, "b")];
  const child = await make(fixture, "child", [a, b]);
  await make(fixture, "grandchild", [child]);
  await fixture.api.client.delete(configMaps, "default", "a");
  await settle();
  expect(names(fixture)).toEqual(["b", "child", "grandchild"]);
  expect(
    fixture.api.client.get(configMaps, "default", "child")?.metadata.ownerReferences?.map((item) => item.name),
  ).toEqual(["b"]);
  await fixture.api.client.delete(configMaps, "default", "b");
  await settle();
  expect(names(fixture)).toEqual([]);
});

test("orphaning cuts the references and keeps the dependents", async () => {
  const fixture = await createFixture();
  await make(fixture, "child", [await make(fixture, "owner")]);
  await fixture.api.client.delete(configMaps, "default", "owner", { propagationPolicy: "Orphan" });
  await settle();
  expect(names(fixture)).toEqual(["child"]);
  expect(fixture.api.client.get(configMaps, "default", "child")?.metadata.ownerReferences).toBeUndefined();
});

test("a foreground deletion keeps the owner until its dependents are gone", async () => {
  const fixture = await createFixture();
  await make(fixture, "child", [await make(fixture, "owner")], ["example.com/hold"]);
  await fixture.api.client.delete(configMaps, "default", "owner", { propagationPolicy: "Foreground" });
  await settle();
  expect(names(fixture)).toEqual(["child", "owner"]);
  await fixture.api.client.patch(configMaps, "default", "child", { metadata: { finalizers: null } });
  await settle();
  expect(names(fixture)).toEqual([]);
});

test("an object whose owner never existed is collected", async () => {
  const fixture = await createFixture();
  const ghost = await make(fixture, "ghost");
  await fixture.api.client.delete(configMaps, "default", "ghost");
  await make(fixture, "child", [ghost]);
  await settle();
  expect(names(fixture)).toEqual([]);
});
