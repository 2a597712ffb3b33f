import { afterEach, beforeEach, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubeObject } from "./object.ts";
import { openSqlite } from "./sqlite.ts";
import { Store } from "./store.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "store-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function config(name: string, data: Record<string, string>): KubeObject {
  const metadata = { name, namespace: "a", uid: name, resourceVersion: "", creationTimestamp: "2026-01-01T00:00:00Z" };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data };
}

test("objects and the revision survive the process; what was deleted stays deleted", () => {
  const path = join(folder, "deep", "state.db");
  const persistence = openSqlite(path);
  const store = new Store({ persistence });
  store.create("configmaps", config("x", { a: "1" }));
  store.create("configmaps", config("y", {}));
  store.update("configmaps", config("x", { a: "2" }));
  store.delete("configmaps", "a", "y");
  persistence.close();

  const again = openSqlite(path);
  const restored = new Store({ persistence: again });
  expect(restored.revision).toBe(store.revision);
  expect(restored.list("configmaps").map((item) => item["data"])).toEqual([{ a: "2" }]);
  expect(restored.create("configmaps", config("z", {})).metadata.resourceVersion).toBe(String(store.revision + 1));
  again.close();
});

test("a watch can't start before the restart: what happened then is no longer known", () => {
  const path = join(folder, "state.db");
  const first = openSqlite(path);
  const store = new Store({ persistence: first });
  store.create("configmaps", config("x", {}));
  store.create("configmaps", config("y", {}));
  first.close();
  const second = openSqlite(path);
  const restored = new Store({ persistence: second });
  expect(restored.since("configmaps", restored.revision - 1)).toBeNull();
  expect(restored.since("configmaps", restored.revision)).toEqual([]);
  second.close();
});

test("a file of another layout is refused with what to do", () => {
  const path = join(folder, "state.db");
  openSqlite(path).close();
  const raw = new Database(path);
  raw.run("UPDATE facts SET value = 99 WHERE name = 'layout'");
  raw.close();
  expect(() => openSqlite(path)).toThrow("has layout 99, not 1; remove it to start afresh");
});

test("a path that can't be a file is refused by name", () => {
  expect(() => openSqlite("/proc/nothing/state.db")).toThrow(
    "The cluster's state in \"/proc/nothing/state.db\" can't be opened",
  );
});
