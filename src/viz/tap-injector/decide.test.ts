import { expect, test } from "bun:test";
import type { AdmissionRequest } from "#kube/types/admission.ts";
import { decideTap } from "./decide.ts";

function review(spec: object, annotations?: Record<string, string>, kind = "Pod"): AdmissionRequest {
  return {
    uid: "1",
    kind: { group: "", version: "v1", kind },
    resource: { group: "", version: "v1", resource: "pods" },
    operation: "CREATE",
    object: { apiVersion: "v1", kind, metadata: annotations === undefined ? {} : { annotations }, spec } as never,
  };
}
const proxy = { name: "linkerd-proxy", env: [{ name: "A", value: "b" }] };
const variable = { name: "LINKERD2_PROXY_TAP_SVC_NAME", value: "tap.id" };
const sidecar = { containers: [{ name: "app" }], initContainers: [{ name: "linkerd-init" }, proxy] };

test("the proxy learns who may look into it, wherever it is among the containers", () => {
  expect(decideTap(review(sidecar, { a: "b" }), {}, "tap.id")).toEqual({
    allowed: true,
    patch: [
      { op: "add", path: "/spec/initContainers/1/env/-", value: variable },
      { op: "add", path: "/metadata/annotations/viz.linkerd.io~1tap-enabled", value: "true" },
    ],
  });
  const bare = { containers: [{ name: "app" }, { name: "linkerd-proxy" }] };
  expect(decideTap(review(bare), {}, "tap.id")).toEqual({
    allowed: true,
    patch: [
      { op: "add", path: "/spec/containers/1/env", value: [variable] },
      { op: "add", path: "/metadata/annotations", value: { "viz.linkerd.io/tap-enabled": "true" } },
    ],
  });
});

test("pods without a proxy, with the variable already, or that don't want it, stay as they are", () => {
  const same = { allowed: true } as const;
  const disable = { "viz.linkerd.io/disable-tap": "true" };
  expect(decideTap(review({ containers: [{ name: "app" }] }), {}, "x")).toEqual(same);
  expect(decideTap(review({ containers: [{ ...proxy, env: [variable] }] }), {}, "x")).toEqual(same);
  expect(decideTap(review(sidecar, disable), {}, "x")).toEqual(same);
  expect(decideTap(review(sidecar), disable, "x")).toEqual(same);
  expect(decideTap(review(sidecar, { "viz.linkerd.io/disable-tap": "false" }), disable, "x")).toHaveProperty("patch");
  expect(decideTap(review(sidecar, {}, "Service"), {}, "x")).toEqual(same);
  expect(decideTap(review({ containers: null, initContainers: [null] }), {}, "x")).toEqual(same);
});
