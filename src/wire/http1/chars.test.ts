import { expect, test } from "bun:test";
import { isAuthority } from "./chars.ts";

test("isAuthority() takes a name or an address with or without a port, and nothing that ends or splits it", () => {
  const good = [
    "",
    "web",
    "web.ns.svc:80",
    "web:",
    "10.1.2.3:8080",
    "[::1]",
    "[::ffff:10.1.2.3]:443",
    "a%20b",
    "a(b)c,d;e=f",
  ];
  const bad = [
    "a@b",
    "a/b",
    "a b",
    "a:b",
    "a:123456",
    "a:1:2",
    "[::1",
    "[]",
    "[::1]x",
    "[g::]",
    "[::1]:x",
    "é",
    "a\r\nb",
    "a#b",
    "a|b",
  ];
  expect(good.filter((text) => !isAuthority(text))).toEqual([]);
  expect(bad.filter((text) => isAuthority(text))).toEqual([]);
});
