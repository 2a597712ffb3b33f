/** The help of every command, word for word. */
import { expect, test } from "bun:test";
import type { Command } from "commander";
import { buildRoot } from "./root.ts";
import { expectGolden } from "./testing/golden.ts";
import { memoryTerminal, runCli } from "./testing/run-cli.ts";

async function allCommands(): Promise<string[][]> {
  const root = await buildRoot(memoryTerminal().terminal, () => true);
  const paths: string[][] = [];
  const walk = (command: Command, path: string[]): void => {
    for (const child of command.commands) {
      paths.push([...path, child.name()]);
      walk(child, [...path, child.name()]);
    }
  };
  walk(root, []);
  return paths;
}

test("help of linkerd", async () => {
  const { out, code } = await runCli(["--help"]);
  expect(code).toBe(0);
  expectGolden("help/linkerd.txt", out);
});

for (const path of await allCommands()) {
  // `linkerd local` is a program of its own and prints its own help.
  if (path[0] === "local") continue;
  test(`help of linkerd ${path.join(" ")}`, async () => {
    const { out, code } = await runCli([...path, "--help"]);
    expect(code).toBe(0);
    if (!["viz", "doc"].includes(path.join(" "))) expect(out).toContain("\nExamples:\n");
    expectGolden(`help/${path.join("-")}.txt`, out);
  });
}
