import { expect, test } from "bun:test";
import type { Container, Pod } from "../types.ts";
import {
  containerEnvironment,
  expand,
  fieldValue,
  parseQuantity,
  resourceValue,
  type References,
} from "./environment.ts";

const meta = { uid: "u-1", resourceVersion: "1", creationTimestamp: "" };
const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { ...meta, name: "web-0", namespace: "shop", labels: { app: "web" }, annotations: { "a/b": 'say "x"' } },
  spec: { containers: [], nodeName: "local", serviceAccountName: "web" },
};
const references: References = {
  configMap: (name) =>
    name === "settings"
      ? { apiVersion: "v1", kind: "ConfigMap", metadata: { ...meta, name }, data: { A: "1", B: "2" } }
      : null,
  secret: (name) =>
    name === "keys" ? { apiVersion: "v1", kind: "Secret", metadata: { ...meta, name }, data: { P: btoa("pw") } } : null,
};
const context = {
  references,
  facts: { podIp: "10.244.0.5", hostIp: "10.244.0.1" },
  capacity: { cpu: 4, memory: 2 ** 30 },
  base: new Map([["PATH", "/bin"]]),
};
const environment = (container: Partial<Container>) =>
  Object.fromEntries(containerEnvironment(pod, { name: "c", ...container }, context));

test("References to earlier variables are expanded, unknown ones and $$ stay literal", () => {
  const variables = new Map([["A", "1"]]);
  expect(expand("$(A)-$(B)-$$(A)-$A", variables)).toBe("1-$(B)-$(A)-$A");
  expect(
    environment({
      env: [
        { name: "X", value: "a" },
        { name: "Y", value: "$(X)b" },
      ],
    }),
  ).toMatchObject({ X: "a", Y: "ab" });
});

test("Fields of the pod come through the downward API", () => {
  const value = (path: string) => fieldValue(pod, context.facts, path);
  expect(value("metadata.labels['app']")).toBe("web");
  expect(value("status.podIP")).toBe("10.244.0.5");
  expect(value("spec.nodeName")).toBe("local");
  expect(value("metadata.annotations")).toBe('a/b="say \\"x\\""');
  expect(() => value("spec.nothing")).toThrow('Field path "spec.nothing" is not supported');
});

test("ConfigMaps and Secrets come whole or by key, with a prefix, overridden by env", () => {
  expect(
    environment({
      envFrom: [{ prefix: "C_", configMapRef: { name: "settings" } }, { secretRef: { name: "keys" } }],
      env: [
        { name: "C_B", value: "own" },
        { name: "PASSWORD", valueFrom: { secretKeyRef: { name: "keys", key: "P" } } },
      ],
    }),
  ).toEqual({ PATH: "/bin", C_A: "1", C_B: "own", P: "pw", PASSWORD: "pw" });
});

test("A missing reference is an error unless it is optional", () => {
  const ref = { name: "settings", key: "none" };
  expect(() => environment({ env: [{ name: "X", valueFrom: { configMapKeyRef: ref } }] })).toThrow(
    "couldn't find key none in ConfigMap shop/settings",
  );
  expect(environment({ env: [{ name: "X", valueFrom: { configMapKeyRef: { ...ref, optional: true } } }] })).toEqual({
    PATH: "/bin",
  });
  expect(() => environment({ envFrom: [{ secretRef: { name: "gone" } }] })).toThrow('secret "gone" not found');
});

test("Quantities are read with their suffixes", () => {
  expect([parseQuantity("100m"), parseQuantity("1.5Gi"), parseQuantity(2)]).toEqual([0.1, 1.5 * 2 ** 30, 2]);
  expect(() => parseQuantity("1x")).toThrow();
});

test("A limit in units of a divisor is rounded up, and unset it is what the node has", () => {
  const container: Container = { name: "c", resources: { limits: { cpu: "1500m" } } };
  const value = (resource: string, divisor?: string) =>
    resourceValue(pod, container, { resource, ...(divisor && { divisor }) }, context.capacity);
  expect([value("limits.cpu"), value("limits.cpu", "1m"), value("limits.memory", "1Mi")]).toEqual([
    "2",
    "1500",
    "1024",
  ]);
});
