import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Pod, Volume } from "../types.ts";
import { tokenNeeds, volumeFiles, volumeKind, volumeReferences, type VolumeContext } from "./volume-files.ts";
import { writeAtomically } from "./volumes.ts";

const folder = mkdtempSync(join(tmpdir(), "volumes-"));
afterAll(() => rmSync(folder, { recursive: true }));

const meta = { uid: "u", resourceVersion: "1", creationTimestamp: "" };
const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { ...meta, name: "web", namespace: "shop", labels: { app: "web" } },
  spec: { containers: [] },
};
const context: VolumeContext = {
  pod,
  facts: { podIp: "10.244.0.5", hostIp: "10.244.0.1" },
  references: {
    configMap: (name) =>
      name === "c"
        ? { apiVersion: "v1", kind: "ConfigMap", metadata: { ...meta, name }, data: { a: "1", b: "2" } }
        : null,
    secret: (name) =>
      name === "s" ? { apiVersion: "v1", kind: "Secret", metadata: { ...meta, name }, data: { k: btoa("key") } } : null,
  },
  capacity: { cpu: 2, memory: 1024 },
  tokens: new Map([["token", "jwt"]]),
};
const text = (volume: Volume) =>
  Object.fromEntries([...volumeFiles(volume, context)].map(([path, { data }]) => [path, data.toString()]));

test("ConfigMap and Secret volumes have all keys, or the chosen ones at chosen paths", () => {
  expect(text({ name: "v", configMap: { name: "c" } })).toEqual({ a: "1", b: "2" });
  expect(text({ name: "v", configMap: { name: "c", items: [{ key: "b", path: "x/y" }] } })).toEqual({ "x/y": "2" });
  expect(text({ name: "v", secret: { secretName: "s" } })).toEqual({ k: "key" });
});

test("What is missing is an error unless it is optional", () => {
  expect(() => text({ name: "v", secret: { secretName: "gone" } })).toThrow('secret "gone" not found');
  expect(() => text({ name: "v", configMap: { name: "c", items: [{ key: "z", path: "z" }] } })).toThrow(
    "non-existent config key: z",
  );
  expect(text({ name: "v", secret: { secretName: "gone", optional: true } })).toEqual({});
});

test("A path that leaves the volume is refused", () => {
  const volume = { name: "v", configMap: { name: "c", items: [{ key: "a", path: "../x" }] } };
  expect(() => text(volume)).toThrow('Path "../x" does not stay inside the volume');
});

test("A projected volume joins token, ConfigMap and pod fields", () => {
  const volume: Volume = {
    name: "v",
    projected: {
      sources: [
        { serviceAccountToken: { path: "token", audience: "identity.l5d.io", expirationSeconds: 60 } },
        { configMap: { name: "c", items: [{ key: "a", path: "ca.crt" }] } },
        { downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] } },
      ],
    },
  };
  expect(text(volume)).toEqual({ token: "jwt", "ca.crt": "1", labels: 'app="web"' });
  const withVolume = { ...pod, spec: { ...pod.spec, volumes: [volume] } };
  expect(tokenNeeds(withVolume)).toEqual([{ volume: "v", path: "token", audience: "identity.l5d.io", lifetime: 600 }]);
  expect([...volumeReferences(withVolume).configMaps]).toEqual(["c"]);
});

test("Volumes of other types are known as unsupported by name", () => {
  expect(volumeKind({ name: "v", persistentVolumeClaim: { claimName: "x" } })).toEqual({
    unsupported: "persistentVolumeClaim",
  });
  expect([volumeKind({ name: "v" }), volumeKind({ name: "v", emptyDir: {} })]).toEqual(["emptyDir", "emptyDir"]);
});

test("New contents replace the old ones in one step, and files that went away disappear", () => {
  const file = (data: string, mode = 0o644) => ({ data: Buffer.from(data), mode });
  const volume = join(folder, "v");
  writeAtomically(
    volume,
    new Map([
      ["a", file("1", 0o600)],
      ["d/b", file("2")],
    ]),
    1,
  );
  expect(readFileSync(join(volume, "a"), "utf8") + readFileSync(join(volume, "d/b"), "utf8")).toBe("12");
  expect(statSync(join(volume, "a")).mode & 0o777).toBe(0o600);
  writeAtomically(
    volume,
    new Map([
      ["a", file("3")],
      ["c", file("4")],
    ]),
    2,
  );
  expect(readdirSync(volume).toSorted()).toEqual(["..2", "..data", "a", "c"]);
  expect(readFileSync(join(volume, "a"), "utf8")).toBe("3");
});
