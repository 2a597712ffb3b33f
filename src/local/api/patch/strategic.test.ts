import { expect, test } from "bun:test";
import { builtinTypes } from "../schema/builtin-types.ts";
import { strategicPatch } from "./strategic.ts";

const types = builtinTypes();
const pod = { kind: "object", name: "PodSpec" } as const;
const patch = (target: unknown, change: unknown): unknown => strategicPatch(types, pod, target, change);

const spec = {
  containers: [
    { name: "a", image: "a:1", env: [{ name: "X", value: "1" }] },
    { name: "b", image: "b:1" },
  ],
  tolerations: [{ key: "old" }],
  nodeSelector: { zone: "1", disk: "ssd" },
};

test("lists with a merge key are merged by it, at every depth", () => {
  const result = patch(spec, {
    containers: [
      { name: "a", env: [{ name: "Y", value: "2" }] },
      { name: "c", image: "c:1" },
    ],
  });
  expect(result).toMatchObject({
    containers: [
      {
        name: "a",
        image: "a:1",
        env: [
          { name: "X", value: "1" },
          { name: "Y", value: "2" },
        ],
      },
      { name: "b" },
      { name: "c", image: "c:1" },
    ],
  });
});

test("lists without a merge key are replaced, null removes a field", () => {
  expect(patch(spec, { tolerations: [{ key: "new" }], nodeSelector: { disk: null } })).toMatchObject({
    tolerations: [{ key: "new" }],
    nodeSelector: { zone: "1" },
  });
  expect(patch(spec, { nodeSelector: null })).not.toHaveProperty("nodeSelector");
});

test("directives delete an entry, replace a list and set the order", () => {
  expect(patch(spec, { containers: [{ $patch: "delete", name: "a" }] })).toMatchObject({ containers: [{ name: "b" }] });
  expect(patch(spec, { containers: [{ $patch: "replace" }, { name: "z" }] })).toMatchObject({
    containers: [{ name: "z" }],
  });
  const ordered = patch(spec, {
    "$setElementOrder/containers": [{ name: "b" }, { name: "a" }],
    containers: [{ name: "a", image: "a:2" }],
  });
  expect((ordered as typeof spec).containers.map((item) => `${item.name} ${item.image}`)).toEqual(["b b:1", "a a:2"]);
});

test("lists of plain values merged as a set grow and shrink", () => {
  const meta = { kind: "object", name: "ObjectMeta" } as const;
  expect(strategicPatch(types, meta, { finalizers: ["a", "b"] }, { finalizers: ["b", "c"] })).toEqual({
    finalizers: ["a", "b", "c"],
  });
  expect(
    strategicPatch(types, meta, { finalizers: ["a", "b"] }, { "$deleteFromPrimitiveList/finalizers": ["a"] }),
  ).toEqual({ finalizers: ["b"] });
});

test("an entry without its merge key is refused", () => {
  expect(() => patch(spec, { containers: [{ image: "x" }] })).toThrow("does not contain declared merge key: name");
});

test("the target is left as it was", () => {
  const before = structuredClone(spec);
  patch(spec, { containers: [{ name: "a", image: "a:9" }], nodeSelector: { disk: null } });
  expect(spec).toEqual(before);
});
