/**
 * Golden tests: one input, one expected output, each a file in `src/cli/testdata/`.
 * To accept a new output: `UPDATE_GOLDEN=1 sh scripts/bun test src/cli`, then read the diff before committing it.
 */
import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { version } from "#lib/version.ts";

const folder = join(import.meta.dir, "..", "testdata");

/** The path of an input file. */
export function inputPath(name: string): string {
  return join(folder, name);
}

/** Compares with the file, or writes it when UPDATE_GOLDEN is set. The version of this build stands there as VERSION. */
export function expectGolden(name: string, actual: string): void {
  const path = join(folder, name);
  const text = actual.replaceAll(version, "VERSION").replaceAll(folder, "TESTDATA");
  if (process.env["UPDATE_GOLDEN"] === "1") {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  if (!existsSync(path)) throw new Error(`No file src/cli/testdata/${name}; see testing/golden.ts`);
  expect(text).toBe(readFileSync(path, "utf8"));
}
