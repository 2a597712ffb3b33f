import { expect, test } from "bun:test";
import { knownValues } from "./known-values.ts";

test("stored values that this version does not know are left out and named", () => {
  const stored = {
    proxyInit: { gone: { name: "reg/proxy-init" }, runAsRoot: true },
    nodeSelector: { "example.org/pool": "mesh" },
    webhooks: {},
    controllerReplicas: 2,
  };
  expect(knownValues(stored)).toEqual({
    values: { proxyInit: { runAsRoot: true }, nodeSelector: { "example.org/pool": "mesh" }, controllerReplicas: 2 },
    dropped: ["proxyInit.gone", "webhooks"],
  });
});
