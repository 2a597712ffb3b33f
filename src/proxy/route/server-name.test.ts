import { expect, test } from "bun:test";
import { routeByServerName, type NamedRoute } from "./server-name.ts";

const route = (name: string, ...snis: NamedRoute["snis"]): NamedRoute & { readonly name: string } => ({ name, snis });
const routes = [
  route("short", { kind: "suffix", suffix: "example" }),
  route("long", { kind: "suffix", suffix: "shop.example" }),
  route("exact", { kind: "exact", host: "a.shop.example" }, { kind: "exact", host: "b.test" }),
  route("exact later", { kind: "exact", host: "b.test" }),
];

test.each([
  ["a.shop.example", "exact"],
  ["b.test", "exact"],
  ["c.shop.example", "long"],
  ["shop.example", "short"],
  ["example", undefined],
  ["notexample", undefined],
  ["", undefined],
  [null, undefined],
])("The server name %p takes the most specific route: %p", (serverName, name) => {
  expect(routeByServerName(routes, serverName)?.name).toBe(name);
  expect(routeByServerName([...routes, route("any")], serverName)?.name).toBe(name ?? "any");
});
