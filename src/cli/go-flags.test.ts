import { expect, test } from "bun:test";
import { Command, Option } from "commander";
import { fromGoFlags } from "./go-flags.ts";

function tree(): Command {
  const root = new Command("linkerd").option("--verbose");
  root
    .command("install")
    .option("--ha")
    .option("-f, --force")
    .option("--set <value>")
    .option("-o, --output <format>")
    .option("--slices")
    .addOption(new Option("--no-slices"));
  return root;
}

test("a switch may carry its value", () => {
  expect(fromGoFlags(["install", "--ha=true", "--verbose=false"], tree())).toEqual(["install", "--ha"]);
  expect(fromGoFlags(["install", "--slices=false"], tree())).toEqual(["install", "--no-slices"]);
});

test("a short flag may have an equals sign", () => {
  expect(fromGoFlags(["install", "-o=json"], tree())).toEqual(["install", "-o", "json"]);
  expect(fromGoFlags(["install", "-f=true"], tree())).toEqual(["install", "--force"]);
  expect(fromGoFlags(["install", "-f=false"], tree())).toEqual(["install"]);
});

test("flags with values and words behind -- stay as they are", () => {
  expect(fromGoFlags(["install", "--set=true", "--", "--ha=true"], tree())).toEqual([
    "install",
    "--set=true",
    "--",
    "--ha=true",
  ]);
});
