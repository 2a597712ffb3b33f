import { expect, test } from "bun:test";
import { runCli } from "./testing/run-cli.ts";

const complete = async (...words: string[]): Promise<string[]> =>
  (await runCli(["__complete", ...words])).out.split("\n").filter((line) => line !== "");

test("the first word completes to commands, but not to hidden ones", async () => {
  expect(await complete("in")).toEqual(expect.arrayContaining(["inject", "install"]));
  expect(await complete("")).not.toContain("doc");
});

test("flags of the command and of every command are offered", async () => {
  expect(await complete("check", "--pr")).toEqual(["--pre", "--proxy"]);
  expect(await complete("check", "--")).toContain("--kubeconfig");
});

test("sub-commands, kinds of resources and output formats are offered", async () => {
  expect(await complete("diagnostics", "pro")).toEqual(["profile", "proxy-metrics"]);
  expect(await complete("viz", "stat", "deploy")).toEqual(["deployment"]);
  expect(await complete("check", "-o", "s")).toEqual(["short"]);
});
