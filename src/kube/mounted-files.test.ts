import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readMounted } from "./mounted-files.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mounted-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** As the kubelet does: a new directory, then the link turned at once. */
function publish(version: string, files: Record<string, string>): void {
  mkdirSync(join(directory, version));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, version, name), text);
  symlinkSync(version, join(directory, "..data_tmp"));
  renameSync(join(directory, "..data_tmp"), join(directory, "..data"));
}

test("readMounted reads files of one version, though their links still lead elsewhere", () => {
  publish("..1", { cert: "C1", key: "K1" });
  writeFileSync(join(directory, "cert"), "stale");
  expect(readMounted(directory, ["cert", "key"])).toEqual({ cert: "C1", key: "K1" });
  publish("..2", { cert: "C2", key: "K2" });
  expect(readMounted(directory, ["cert", "key"])).toEqual({ cert: "C2", key: "K2" });
});

test("readMounted reads a plain directory too, and says what is missing", () => {
  writeFileSync(join(directory, "cert"), "C");
  expect(readMounted(directory, ["cert"])).toEqual({ cert: "C" });
  expect(() => readMounted(directory, ["cert", "key"])).toThrow(`Failed to read "cert" and "key" in "${directory}"`);
});
