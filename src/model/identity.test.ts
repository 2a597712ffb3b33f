import { expect, test } from "bun:test";
import { assertIdentity, parseIdentity, serviceAccountIdentity } from "./identity.ts";

const scope = { controlPlaneNamespace: "linkerd", trustDomain: "cluster.local" };

test("an identity names its ServiceAccount, also one with dots", () => {
  const name = serviceAccountIdentity("web.v1", "emojivoto", scope);
  expect(name).toBe("web.v1.emojivoto.serviceaccount.identity.linkerd.cluster.local");
  expect(parseIdentity(name, scope)).toEqual({ serviceAccount: "web.v1", namespace: "emojivoto" });
});

test("parseIdentity() refuses other scopes and incomplete names", () => {
  expect(parseIdentity("web.ns.serviceaccount.identity.linkerd.other.domain", scope)).toBeNull();
  expect(parseIdentity("ns.serviceaccount.identity.linkerd.cluster.local", scope)).toBeNull();
  expect(parseIdentity(".ns.serviceaccount.identity.linkerd.cluster.local", scope)).toBeNull();
});

test("assertIdentity() takes lower-case DNS names only", () => {
  expect(assertIdentity("a.b.c")).toBe("a.b.c");
  for (const bad of ["A.b", "a", "a..b", "-a.b", "a_b.c", `${"a".repeat(64)}.b`, "a.b\0"]) {
    expect(() => assertIdentity(bad)).toThrow("is not a lower-case DNS name");
  }
});
