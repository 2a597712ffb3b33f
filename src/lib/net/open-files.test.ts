import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { maxConnections, openFileLimit, parseLimits } from "./open-files.ts";

test("the limit of open files is read, also when there is none", () => {
  expect(openFileLimit()).toBeGreaterThan(16);
  const line = (soft: string): string => `Limit  Soft Limit\nMax open files            ${soft}   20000   files\n`;
  expect(parseLimits(line("1024"))).toBe(1024);
  expect(parseLimits(line("unlimited"))).toBe(1_048_576);
  expect(() => parseLimits("")).toThrow("No limit of open files");
});

test("half of what is left after the reserve goes to accepted connections", () => {
  expect(maxConnections(20_000)).toBe(9872);
  expect(maxConnections(100)).toBe(16);
});

test("out of descriptors, connecting says so and works again when some are free", () => {
  const script = join(import.meta.dir, "testing/out-of-files.ts");
  const child = spawnSync("sh", ["-c", `ulimit -n 64; exec "$0" "$1"`, process.execPath, script], { encoding: "utf8" });
  expect(child.stderr).toBe("");
  expect(child.stdout).toBe("too-many-open-files\nopen\n");
});
