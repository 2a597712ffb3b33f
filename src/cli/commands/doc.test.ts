import { expect, test } from "bun:test";
import { proxyAnnotations } from "#manifests/inject/annotations.ts";
import { parseYaml } from "#manifests/yaml.ts";
import { annotationDescriptions } from "../annotation-descriptions.ts";
import { runCli } from "../testing/run-cli.ts";

test("doc lists every command with flags and examples, sub-commands too", async () => {
  const { out, code } = await runCli(["doc"]);
  expect(code).toBe(0);
  const [reference] = parseYaml(out, "doc");
  const commands = reference?.["CLIReference"] as unknown as ReadonlyArray<{ Name: string; Example: string }>;
  const names = commands.map(({ Name }) => Name);
  expect(names).toEqual(expect.arrayContaining(["check", "diagnostics endpoints", "viz stat", "upgrade"]));
  expect(names).not.toContain("doc");
  expect(commands.find(({ Name }) => Name === "install")?.Example).toContain("linkerd install --crds");
});

test("every annotation has a description", () => {
  expect(proxyAnnotations.filter((name) => annotationDescriptions[name] === undefined)).toEqual([]);
});
