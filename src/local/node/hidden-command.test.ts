import { expect, test } from "bun:test";
import { quote } from "./hidden-command.ts";

test("A shell reads back exactly the words that were quoted", () => {
  const words = ["plain", "two words", "it's", "$(id) `id` $HOME", "line\nbreak", "", "\\", "-n"];
  const { stdout } = Bun.spawnSync([
    "sh",
    "-c",
    `for word in ${words.map(quote).join(" ")}; do printf '%s\\0' "$word"; done`,
  ]);
  expect(stdout.toString().split("\0").slice(0, -1)).toEqual(words);
});
