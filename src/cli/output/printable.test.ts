import { expect, test } from "bun:test";
import { printable, printableJson } from "./printable.ts";

test("what would act on a terminal is shown as an escape, words of any script stay", () => {
  expect(printable("/a\u001b[31m\r\nb\u0007\u009b2J\u007f")).toBe("/a\\x1b[31m\\x0d\\x0ab\\x07\\x9b2J\\x7f");
  expect(printable("user\u202etxt\u2066.\u200b\ufeff\u2028")).toBe("user\\u202etxt\\u2066.\\u200b\\ufeff\\u2028");
  expect(printable("\ud800 \u{e0041}")).toBe("\\ud800 \\u{e0041}");
  expect(printable("äöü Ω 猫 שלום 🐈 \\x1b")).toBe("äöü Ω 猫 שלום 🐈 \\x1b");
});

test("JSON is as harmless, and reads back as it was", () => {
  const value = { path: "/a\u001b[31m\u009b\u202e\u{e0041} 猫 🐈 \u2028" };
  const text = printableJson(value);
  expect(printable(text)).toBe(text);
  expect(JSON.parse(text)).toEqual(value);
});
