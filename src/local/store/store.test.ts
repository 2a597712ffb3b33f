import { expect, test } from "bun:test";
import type { KubeObject } from "./object.ts";
import { Store } from "./store.ts";
import type { StoreEvent } from "./store.ts";

function pod(name: string, namespace = "a", extra: Record<string, unknown> = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, uid: name, resourceVersion: "", creationTimestamp: "2026-01-01T00:00:00Z" },
    ...extra,
  };
}

test("every write takes the next revision and shows it as resourceVersion", () => {
  const store = new Store();
  expect(store.create("pods", pod("x")).metadata.resourceVersion).toBe("2");
  expect(store.create("pods", pod("y")).metadata.resourceVersion).toBe("3");
  expect(store.update("pods", pod("x")).metadata.resourceVersion).toBe("4");
  expect(store.revision).toBe(4);
});

test("a writer that read an older resourceVersion gets a conflict and changes nothing", () => {
  const store = new Store();
  const first = store.create("pods", pod("x"));
  store.update("pods", pod("x", "a", { spec: 1 }));
  expect(() => store.update("pods", pod("x"), first.metadata.resourceVersion)).toThrow("was changed by another writer");
  expect(() => store.delete("pods", "a", "x", first.metadata.resourceVersion)).toThrow("was changed");
  expect(store.get("pods", "a", "x")?.["spec"]).toBe(1);
});

test("a list is ordered by namespace and name and can be of one namespace", () => {
  const store = new Store();
  for (const [name, namespace] of [
    ["b", "n2"],
    ["a", "n2"],
    ["z", "n1"],
  ] as const)
    store.create("pods", pod(name, namespace));
  expect(store.list("pods").map((item) => item.metadata.name)).toEqual(["z", "a", "b"]);
  expect(store.list("pods", "n2").map((item) => item.metadata.name)).toEqual(["a", "b"]);
});

test("stored objects are frozen, so a reader's write fails loudly", () => {
  const store = new Store();
  const stored = store.create("pods", pod("x", "a", { spec: { containers: [] } }));
  expect(() => {
    (stored["spec"] as { containers: unknown[] }).containers.push(1);
  }).toThrow();
});

test("a watcher that writes doesn't reorder what later watchers see", () => {
  const store = new Store();
  const seen: number[] = [];
  store.watch("pods", (event) => {
    if (event.type === "ADDED") store.update("pods", { ...event.object, touched: true });
  });
  store.watch("pods", (event) => seen.push(event.revision));
  store.create("pods", pod("x"));
  expect(seen).toEqual([2, 3]);
});

test("a deletion's event carries the last state under the deletion's own revision", () => {
  const store = new Store();
  const events: StoreEvent[] = [];
  store.create("pods", pod("x", "a", { spec: 1 }));
  store.watch("pods", (event) => events.push(event));
  store.delete("pods", "a", "x");
  expect(events[0]?.object["spec"]).toBe(1);
  expect(events[0]?.object.metadata.resourceVersion).toBe("3");
  expect(store.size).toBe(0);
});

test("history replays what followed a revision and says so when it was compacted", () => {
  const store = new Store({ history: 8 });
  store.create("pods", pod("x"));
  for (let i = 0; i < 20; i++) store.update("pods", pod("x", "a", { spec: i }));
  expect(store.since("pods", 2)).toBeNull();
  expect(store.since("pods", store.revision - 2)?.map((event) => event.object["spec"])).toEqual([18, 19]);
  expect(store.since("pods", store.oldest)).not.toBeNull();
});

test("a full store refuses one more object", () => {
  const store = new Store({ maxObjects: 2 });
  store.create("pods", pod("x"));
  store.create("pods", pod("y"));
  expect(() => store.create("pods", pod("z"))).toThrow("takes no more");
  store.delete("pods", "a", "x");
  expect(store.create("pods", pod("z")).metadata.name).toBe("z");
});
