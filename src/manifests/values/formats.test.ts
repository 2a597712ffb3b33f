import { expect, test } from "bun:test";
import { isCidr, isQuantity, wholeCores } from "./formats.ts";

test("networks", () => {
  for (const good of [
    "10.0.0.0/8",
    "0.0.0.0/0",
    "::/0",
    "fd00::/8",
    "2001:db8::1/128",
    "::ffff:1.2.3.4/96",
    "1:2:3:4:5:6:7:8/64",
  ]) {
    expect([good, isCidr(good)]).toEqual([good, true]);
  }
  for (const bad of [
    "10.0.0.0",
    "10.0.0/8",
    "10.0.0.256/8",
    "10.0.0.0/33",
    "10.0.0.0./8",
    "::/129",
    "1::2::3/8",
    "1:2:3:4:5:6:7:8:9/8",
    "g::/8",
    "/8",
    ":::/8",
  ]) {
    expect([bad, isCidr(bad)]).toEqual([bad, false]);
  }
});

test("quantities and cores", () => {
  for (const good of ["100m", "1", "1.5", "250Mi", "1e3", "2E", ".5"])
    expect([good, isQuantity(good)]).toEqual([good, true]);
  for (const bad of ["", "m", "1MB", "1 Gi", "x"]) expect([bad, isQuantity(bad)]).toEqual([bad, false]);
  expect(["100m", "1", "1500m", "2.5", "1Gi"].map(wholeCores)).toEqual([1, 1, 2, 3, null]);
});
