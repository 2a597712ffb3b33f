import { expect, test } from "bun:test";
import { search } from "./search-match.ts";

const workloads = [
  { namespace: "shop", kind: "deployment", name: "cart" },
  { namespace: "shop", kind: "statefulset", name: "cart-db" },
  { namespace: "shop-two", kind: "deployment", name: "web" },
  { namespace: "mail", kind: "deployment", name: "big-cart" },
];

const names = (typed: string): string[] =>
  search(typed, workloads, 10).map((found) =>
    found.what === "namespace" ? `ns/${found.namespace}` : found.workload.name,
  );

test("namespaces come first, then names that begin with what was typed", () => {
  expect(names("cart")).toEqual(["cart", "cart-db", "big-cart"]);
  expect(names("shop")).toEqual(["ns/shop", "ns/shop-two", "cart", "cart-db", "web"]);
});

test("every word counts, in any case, also a kind", () => {
  expect(names("SHOP cart stateful")).toEqual(["cart-db"]);
  expect(names("shop/cart")).toEqual(["cart", "cart-db"]);
  expect(names("nothing")).toEqual([]);
});

test("what is found is limited", () => {
  expect(search("", workloads, 2)).toHaveLength(2);
});
