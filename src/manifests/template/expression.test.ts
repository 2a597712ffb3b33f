import { expect, test } from "bun:test";
import {
  and,
  atLeast,
  base64,
  concatenated,
  demand,
  each,
  equal,
  items,
  jsonText,
  lines,
  merged,
  not,
  or,
  orElse,
  pick,
  plain,
  sha256,
  some,
  Symbolic,
  text,
  trimmed,
  unlessBare,
  unlessEmpty,
  when,
  type Expr,
} from "./expression.ts";

const flag = (path: string): Symbolic<boolean> => new Symbolic<boolean>("flag", path);
const name = new Symbolic<string>("text", "$.Values.name");
const port = new Symbolic<number>("number", "$.Values.port");
const list = new Symbolic<string[]>("json", "$.Values.list");
const go = (value: Expr<string> | Expr<boolean> | Expr<number>): string =>
  value instanceof Symbolic ? value.go : `known ${String(value)}`;

test("with known values everything folds to plain data", () => {
  const tree = {
    text: text`a ${"b"} ${1} ${true} %`,
    absent: when(false, 1),
    present: when(true, { x: unlessEmpty(""), y: unlessEmpty("y") }),
    bare: unlessBare({ a: unlessEmpty(""), b: unlessEmpty([]) }),
    list: ["a", when(false, "b"), ...items(["c"]), ...each([{ k: "v" }], "e", ["k"], ({ k }) => k)],
    either: pick(true, "yes", "no"),
    fallback: [orElse("", "x"), orElse("y", "x"), orElse<number | null>(null, 3), orElse(0, 4)],
    logic: [and(true, not(false)), or(false, false), equal("a", "a"), atLeast(-1, 0), some([]), some("a")],
    joined: concatenated(["a"], ["b"]),
    map: merged({ a: "1", b: "2" }, { b: "3" }),
    trimmed: trimmed(" a\n"),
  };
  expect(plain(tree)).toEqual({
    text: "a b 1 true %",
    present: { y: "y" },
    list: ["a", "c", "v"],
    either: "yes",
    fallback: ["x", "y", 3, 4],
    logic: [true, false, true, false, false, true],
    joined: ["a", "b"],
    map: { a: "1", b: "3" },
    trimmed: "a",
  });
});

test("with symbols the same is an expression of Helm's", () => {
  expect(go(text`--port=${port} of ${name} 100%`)).toBe(
    `(printf "--port=%s of %s 100%%" (toJson $.Values.port) $.Values.name)`,
  );
  expect(go(text`${name}`)).toBe("$.Values.name");
  expect(go(and(flag("a"), true, not(flag("b"))))).toBe("(and a (not b))");
  expect(go(or(flag("a"), false))).toBe("a");
  expect(go(or(flag("a"), true))).toBe("known true");
  expect(go(and(flag("a"), false))).toBe("known false");
  expect(go(equal(name, `a "b"`))).toBe(`(eq $.Values.name "a \\"b\\"")`);
  expect(go(atLeast(port, 0))).toBe("(ge (int64 $.Values.port) 0)");
  expect(go(orElse(name, "x"))).toBe(`(default "x" $.Values.name)`);
  expect(go(pick(flag("a"), "x", name))).toBe(`(ternary "x" $.Values.name a)`);
  expect(go(some(list))).toBe("(not (empty $.Values.list))");
  expect(go(base64(trimmed(name)))).toBe("(b64enc (trim $.Values.name))");
});

test("texts that both languages make are the same", () => {
  expect(sha256("")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  expect(base64("ä")).toBe("w6Q=");
  expect(jsonText({ b: { d: 1, c: "<&>" }, a: [true] })).toBe(`{"a":[true],"b":{"c":"\\u003c\\u0026\\u003e","d":1}}`);
  expect(lines({ b: "2", a: "1" })).toBe("a=1\nb=2\n");
});

test("a symbol that plain JavaScript would turn into text is an error", () => {
  expect(() => `${name as unknown as string}`).toThrow("use the text tag");
  expect(() => JSON.stringify({ name })).toThrow("was used as JSON");
  expect(() => plain({ name })).toThrow("has a symbolic part");
  expect(() => plain([when(flag("a"), 1)])).toThrow("has a symbolic part");
});

test("a demand that is not met stops at once, or says so in the chart", () => {
  expect(() => demand(false, "Value needed")).toThrow("Value needed");
  expect(demand(true, "Value needed")).toEqual([]);
  expect(demand(flag("a"), "Value needed")).toHaveLength(1);
});
