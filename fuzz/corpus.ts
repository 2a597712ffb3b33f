/** Inputs that found something once, one file each: corpus/TARGET/NAME. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = (target: string): string => join(import.meta.dir, "corpus", target);

export function readCorpus(target: string): Buffer[] {
  if (!existsSync(folder(target))) return [];
  return readdirSync(folder(target))
    .toSorted()
    .map((name) => readFileSync(join(folder(target), name)));
}

/** Keeps an input, under a name that says why and that its bytes give. Returns its path. */
export function saveInput(target: string, kind: "crash" | "hang", input: Uint8Array): string {
  mkdirSync(folder(target), { recursive: true });
  const path = join(folder(target), `${kind}-${createHash("sha256").update(input).digest("hex").slice(0, 12)}`);
  writeFileSync(path, input);
  return path;
}
