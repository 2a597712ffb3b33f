import { expect, test } from "bun:test";
import { defaultOpaquePorts, includesPort, parsePortRanges } from "./opaque-ports.ts";

test("parsePortRanges() reads ports and ranges and ignores empty parts", () => {
  expect(parsePortRanges(" 25, 4000-4100,,")).toEqual([
    { from: 25, to: 25 },
    { from: 4000, to: 4100 },
  ]);
  expect(includesPort(parsePortRanges(defaultOpaquePorts), 3306)).toBe(true);
  expect(includesPort(parsePortRanges("4000-4100"), 4101)).toBe(false);
});

test("parsePortRanges() names the part that is wrong", () => {
  for (const bad of ["0", "65536", "20-10", "x", "1-2-3", "-1"]) {
    expect(() => parsePortRanges(`80,${bad}`)).toThrow(`invalid part "${bad}"`);
  }
});
