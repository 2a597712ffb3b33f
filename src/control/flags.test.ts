import { describe, expect, test } from "bun:test";
import { Flags } from "./flags.ts";

const specs = {
  addr: { kind: "value" },
  ha: { kind: "switch" },
  mode: { kind: "value" },
  n: { kind: "value" },
} as const;
const flags = (...args: string[]): Flags => new Flags(args, specs);

describe("Flags", () => {
  test("takes values after = or as the next word, with one dash or two", () => {
    const given = flags("--addr=:8086", "-mode", "a=b", "--ha", "--n=7");
    expect(given.listenAddr("addr", "")).toEqual({ ip: "::", port: 8086 });
    expect(given.text("mode", "")).toBe("a=b");
    expect(given.boolean("ha", false)).toBe(true);
    expect(given.integer("n", 1, { min: 1, max: 9 })).toBe(7);
    expect(flags("--ha=false").boolean("ha", true)).toBe(false);
    expect(flags().oneOf("mode", "x", ["x", "y"])).toBe("x");
    expect(flags("--addr=[fd00::1]:80").listenAddr("addr", "")).toEqual({ ip: "fd00::1", port: 80 });
  });

  test.each<[string[], string]>([
    [["--nope"], 'Unknown argument "--nope"'],
    [["word"], 'Unknown argument "word"'],
    [["--constructor"], 'Unknown argument "--constructor"'],
    [["--addr"], 'Flag "--addr" needs a value'],
  ])("refuses %j", (args, message) => {
    expect(() => flags(...args)).toThrow(message);
  });

  test("says which flag has a bad value", () => {
    expect(() => flags("--ha=maybe").boolean("ha", true)).toThrow('Flag "--ha" is "maybe", not true or false');
    expect(() => flags("--n=99").integer("n", 1, { min: 1, max: 9 })).toThrow('Flag "--n" is "99"');
    expect(() => flags("--mode=z").oneOf("mode", "x", ["x", "y"])).toThrow('Flag "--mode" is "z", not one of x, y');
    expect(() => flags("--addr=somewhere").listenAddr("addr", "")).toThrow('Flag "--addr" is not valid');
  });
});
