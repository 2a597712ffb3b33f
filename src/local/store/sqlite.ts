/** State in one SQLite file: a row per object, replaced on every write. */
import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { MeshError } from "#lib/errors.ts";
import type { KubeObject } from "./object.ts";
import type { Persistence, SavedState } from "./persistence.ts";

/** The layout of the file. A file of another layout is refused, never guessed at. */
const layout = 1;

/**
 * Opens or creates the file, readable by its owner only: it holds Secrets. A write that returned survives the end of the
 * process, not necessarily a power failure. Throws "environment" when the file can't be used.
 */
export function openSqlite(path: string): Persistence {
  let database: Database;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    database = new Database(path, { create: true });
    database.run("PRAGMA journal_mode = WAL");
    database.run("PRAGMA synchronous = NORMAL");
    database.run("CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL)");
    database.run(
      "CREATE TABLE IF NOT EXISTS objects (resource TEXT, key TEXT, json TEXT NOT NULL, PRIMARY KEY (resource, key))",
    );
  } catch (thrown) {
    throw new MeshError("environment", `The cluster's state in "${path}" can't be opened`, { cause: thrown });
  }
  const fact = database.query<{ value: number }, [string]>("SELECT value FROM facts WHERE name = ?");
  const setFact = database.query("INSERT OR REPLACE INTO facts VALUES (?, ?)");
  const found = fact.get("layout")?.value;
  if (found !== undefined && found !== layout) {
    database.close();
    throw new MeshError(
      "environment",
      `The cluster's state in "${path}" has layout ${found}, not ${layout}; remove it to start afresh`,
    );
  }
  setFact.run("layout", layout);
  const putRow = database.query("INSERT OR REPLACE INTO objects VALUES (?, ?, ?)");
  const removeRow = database.query("DELETE FROM objects WHERE resource = ? AND key = ?");
  const put = database.transaction((resource: string, key: string, json: string, revision: number) => {
    putRow.run(resource, key, json);
    setFact.run("revision", revision);
  });
  const remove = database.transaction((resource: string, key: string, revision: number) => {
    removeRow.run(resource, key);
    setFact.run("revision", revision);
  });
  return {
    load(): SavedState {
      const rows = database.query<{ resource: string; json: string }, []>("SELECT resource, json FROM objects").all();
      return {
        revision: fact.get("revision")?.value ?? 0,
        objects: rows.map((row) => ({ resource: row.resource, object: JSON.parse(row.json) as KubeObject })),
      };
    },
    put(resource, key, object, revision) {
      put(resource, key, JSON.stringify(object), revision);
    },
    remove(resource, key, revision) {
      remove(resource, key, revision);
    },
    close() {
      database.close();
    },
  };
}
