import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { stringify } from "yaml";
import { testValues } from "../testing/fixtures.ts";
import { parseYaml } from "../yaml.ts";
import { injectYaml, uninjectYaml } from "./inject-yaml.ts";

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}[a-z0-9]$/);
/** Texts that YAML readers like to take for something else. */
const tricky = fc.constantFrom(
  "yes",
  "no",
  "on",
  "012",
  "1e3",
  "0x1f",
  "~",
  "null",
  "1_000",
  "2026-01-01",
  "a: b",
  "# c",
  "- d",
  "=",
  "<<",
  " x ",
  "\n",
  "é",
);
const text = fc.oneof(tricky, fc.string({ maxLength: 12 }));
const labels = fc.option(fc.dictionary(name, text, { maxKeys: 3 }), { nil: undefined });
const container = fc.record({
  name,
  image: name,
  args: fc.option(fc.array(text, { maxLength: 3 }), { nil: undefined }),
  ports: fc.option(fc.array(fc.record({ containerPort: fc.integer({ min: 1, max: 65535 }) }), { maxLength: 2 }), {
    nil: undefined,
  }),
});
const template = fc.record({
  metadata: fc.option(fc.record({ labels, annotations: labels }), { nil: undefined }),
  spec: fc.record({
    initContainers: fc.option(fc.array(container, { minLength: 1, maxLength: 2 }), { nil: undefined }),
    containers: fc.array(container, { minLength: 1, maxLength: 2 }),
    volumes: fc.option(fc.array(fc.record({ name }), { minLength: 1, maxLength: 2 }), { nil: undefined }),
  }),
});
const deployment = fc.record({
  apiVersion: fc.constant("apps/v1"),
  kind: fc.constantFrom("Deployment", "StatefulSet", "DaemonSet"),
  metadata: fc.record({ name }),
  spec: fc.record({ template }),
});
const style = fc.record({
  indentSeq: fc.boolean(),
  collectionStyle: fc.constantFrom("any" as const, "flow" as const),
  lineWidth: fc.constantFrom(0, 80),
});

const options = {
  values: testValues(),
  controlPlaneNamespace: "linkerd",
  createdBy: "test",
  source: "test.yaml",
  manual: true,
};

/** Without members that hold nothing: uninjecting may leave or drop an empty map of labels. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value)
    .map(([key, member]) => [key, withoutEmpty(member)] as const)
    .filter(([, member]) => typeof member !== "object" || member === null || Object.keys(member).length > 0);
  return Object.fromEntries(members);
}

test("whatever the workload and however its YAML is written, inject and uninject give it back", () => {
  fc.assert(
    fc.property(deployment, style, (object, layout) => {
      const yaml = `---\n${stringify(object, { version: "1.1", compat: "core", ...layout })}`;
      const before = parseYaml(yaml, "before");
      const injected = injectYaml(yaml, options).yaml;
      expect(parseYaml(injected, "injected")).toHaveLength(1);
      expect(JSON.stringify(injected)).toContain("linkerd-proxy");
      const after = parseYaml(uninjectYaml(injected).yaml, "after");
      expect(withoutEmpty(after)).toEqual(withoutEmpty(before));
      expect(uninjectYaml(yaml).yaml).toBe(yaml);
    }),
    { numRuns: 12, seed: 1 },
  );
});

test("garbage is refused with a message or left alone; it never breaks anything else", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (garbage) => {
      try {
        expect(injectYaml(garbage, { ...options, manual: false }).yaml).toBe(garbage);
      } catch (error) {
        expect(error).toMatchObject({ name: "MeshError", code: "invalid-argument" });
      }
    }),
    { numRuns: 60, seed: 2 },
  );
}, 60_000);

test("JSON stays JSON", () => {
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, spec: { containers: [] } };
  const annotated = { ...pod, metadata: { name: "a", annotations: { "linkerd.io/inject": "enabled" } } };
  const edit = (object: object) =>
    JSON.parse(injectYaml(JSON.stringify(object), { ...options, manual: false }).yaml) as object;
  expect(edit(pod)).toEqual(annotated);
  const list = { apiVersion: "v1", kind: "List", items: [{ kind: "Secret" }, pod] };
  expect(edit(list)).toEqual({ ...list, items: [{ kind: "Secret" }, annotated] });
  const manual = injectYaml(JSON.stringify(pod), options).yaml;
  expect(JSON.parse(uninjectYaml(manual).yaml)).toEqual(pod);
});
