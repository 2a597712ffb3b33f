import { expect, test } from "bun:test";
import { policyObject } from "../../testing/policy-objects.ts";
import { decodeHttpRoute } from "./route.ts";

const spec = (name: string): string =>
  JSON.stringify({
    parentRefs: [{ group: "core", kind: "Service", name, port: 80 }],
    hostnames: ["api.test"],
    rules: [
      {
        matches: [{ path: { type: "PathPrefix", value: "/api" } }],
        backendRefs: [{ name, port: 80, weight: 3 }],
        timeouts: { request: "1s" },
      },
    ],
  });
const conditions = [{ type: "Accepted", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }];
const object = (name: string) => ({
  ...policyObject("HTTPRoute", name, spec(name)),
  status: {
    parents: [{ parentRef: { kind: "Service", name }, controllerName: "example.test/gateway", conditions }, null],
  },
});

test("routes share what is alike and say what they would say alone", () => {
  const group = "gateway.networking.k8s.io";
  const decode = decodeHttpRoute(group);
  const [a, b] = [decode(structuredClone(object("a"))), decode(structuredClone(object("b")))];
  expect(b).toEqual(decodeHttpRoute(group)(object("b")));
  expect(b?.status).toEqual(object("b").status.parents);
  expect(b?.rules[0]?.matches).toBe(a?.rules[0]?.matches);
  expect(b?.hostnames).toBe(a?.hostnames);
  expect(b?.rules[0]?.backends?.[0]).toMatchObject({ name: "b", weight: 3, kind: "service", group: "" });
  expect(b?.rules[0]?.requestTimeout).toBe(1000);
  expect(b?.parents[0]).toMatchObject({ name: "b", port: 80, assumed: false });
});
