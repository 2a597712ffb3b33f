import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { maxConnections } from "./open-files.ts";

test("the limit of open files is that of the shell that started us, also when there is none", () => {
  const script = `import { openFileLimit } from ${JSON.stringify(join(import.meta.dir, "open-files.ts"))}; console.log(openFileLimit());`;
  for (const [limit, expected] of [
    ["300", "300\n"],
    ["$(ulimit -H -n)", null],
  ] as const) {
    const child = spawnSync("sh", ["-c", `ulimit -n ${limit}; exec "$0" -e "$1"`, process.execPath, script], {
      encoding: "utf8",
    });
    expect(child.stderr).toBe("");
    if (expected === null) expect(Number(child.stdout)).toBeGreaterThan(300);
    else expect(child.stdout).toBe(expected);
  }
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
