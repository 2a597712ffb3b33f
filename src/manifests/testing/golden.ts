/**
 * Golden tests: one input, one expected output, each a file in `testdata/`.
 * To accept a new output: `UPDATE_GOLDEN=1 sh scripts/bun test src/manifests`, then read the diff before committing it.
 */
import { expect } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dir, "..", "testdata");

/** The text of an input file. */
export function input(name: string): string {
  return readFileSync(join(folder, name), "utf8");
}

/** Compares with the file, or writes the file when UPDATE_GOLDEN is set. A missing file fails: it must be written on purpose. */
export function expectGolden(name: string, actual: string): void {
  const path = join(folder, name);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, actual);
  if (!existsSync(path)) throw new Error(`No file testdata/${name}; see testing/golden.ts`);
  expect(actual).toBe(readFileSync(path, "utf8"));
}
