import { expect, test } from "bun:test";
import { programWords } from "./programs.ts";

const words = (line: string): string => programWords(line.split(" ")).join(" ");

test("A program that a container's arguments name counts more than the one of the image's entrypoint", () => {
  expect(words("proxy proxy-init --ipv6=false proxy")).toBe("proxy-init --ipv6=false proxy");
  expect(words("controller policy controller policy --x")).toBe("controller policy --x");
  expect(words("controller controller destination")).toBe("controller destination");
});

test("Words that name a program once, or none, stay as they are", () => {
  for (const line of [
    "proxy",
    "controller destination --addr=:1",
    "viz stat deploy proxy",
    "local up --name proxy",
    "-h",
  ]) {
    expect(words(line)).toBe(line);
  }
});
