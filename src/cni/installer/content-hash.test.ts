import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContentHashes } from "./content-hash.ts";

test("Another content is noticed, though size and time of writing are the same", () => {
  const folder = mkdtempSync(join(tmpdir(), "linkerd-hash-"));
  const path = join(folder, "file");
  const at = new Date(1_700_000_000_000);
  const hashes = new ContentHashes();
  const hash = (content: string): string => {
    writeFileSync(path, content);
    utimesSync(path, at, at);
    return hashes.of(path);
  };
  const first = hash("a".repeat(3_000_000));
  expect(hashes.of(path)).toBe(first);
  expect(hash("b".repeat(3_000_000))).not.toBe(first);
  expect(hash("a".repeat(3_000_000))).toBe(first);
  rmSync(folder, { recursive: true });
});
