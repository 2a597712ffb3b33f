import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireRunnable, selfCommand } from "./self.ts";

const root = mkdtempSync(join(tmpdir(), "linkerd-self-"));
afterAll(() => rmSync(root, { recursive: true }));

const compiled = { root, executable: "linkerd", compiled: true, prefix: [] };

test("A compiled program that only its owner may run is refused with what to type", () => {
  const path = join(root, "linkerd");
  writeFileSync(path, "");
  chmodSync(path, 0o700);
  expect(() => requireRunnable(compiled)).toThrow(`type: chmod 755 "${path}"`);
  chmodSync(path, 0o755);
  requireRunnable(compiled);
});

test("The command of a compiled program is its file where the folder is visible", () => {
  expect(selfCommand(compiled, "/.linkerd", ["proxy"])).toEqual(["/.linkerd/linkerd", "proxy"]);
});
