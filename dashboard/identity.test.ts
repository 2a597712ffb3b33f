import { expect, test } from "bun:test";
import { serviceAccount } from "./identity.ts";

test("an identity of the mesh names its ServiceAccount", () => {
  expect(serviceAccount("web.shop.serviceaccount.identity.linkerd.cluster.local")).toEqual({
    name: "web",
    namespace: "shop",
  });
});

test("other names are no ServiceAccounts", () => {
  for (const name of [
    "",
    "no_tls_from_remote",
    "web.shop",
    "spiffe://root/ns/a",
    "a.b.serviceaccount.other",
    "..serviceaccount.identity",
  ]) {
    expect(serviceAccount(name)).toBeNull();
  }
});
