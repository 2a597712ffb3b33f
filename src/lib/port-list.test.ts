import { expect, test } from "bun:test";
import { includesPort, parsePortRanges, readPortList } from "./port-list.ts";

test("parsePortRanges() reads ports and ranges and ignores empty parts", () => {
  expect(parsePortRanges(" 25, 4000-4100,,")).toEqual([
    { from: 25, to: 25 },
    { from: 4000, to: 4100 },
  ]);
  expect(includesPort(parsePortRanges("25,3306"), 3306)).toBe(true);
  expect(includesPort(parsePortRanges("4000-4100"), 4101)).toBe(false);
  expect(parsePortRanges("")).toEqual([]);
});

test("parsePortRanges() names the list and the part that is wrong", () => {
  for (const bad of ["0", "65536", "20-10", "x", "1-2-3", "-1", "constructor"]) {
    expect(() => parsePortRanges(`80,${bad}`)).toThrow(`Port list "80,${bad}" has the invalid part "${bad}"`);
  }
  expect(() => parsePortRanges("x", { what: "--ports" })).toThrow(
    '--ports has the invalid part "x"; use ports 1-65535 or ranges such as 4000-4100',
  );
  expect(parsePortRanges("0-5", { least: 0 })).toEqual([{ from: 0, to: 5 }]);
});

test("readPortList() knows names, and one bad part does not make the others void", () => {
  expect(readPortList("25, mysql,5000-4000,http,99999,4000-4001,toString", { http: 8080 })).toEqual({
    ranges: [
      { from: 25, to: 25 },
      { from: 8080, to: 8080 },
      { from: 4000, to: 4001 },
    ],
    invalid: ["mysql", "5000-4000", "99999", "toString"],
  });
});
