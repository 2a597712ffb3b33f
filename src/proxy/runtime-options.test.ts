import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { applyRuntimeOptions, runtimeOptions } from "./runtime-options.ts";

const script = `
import { applyRuntimeOptions, runtimeOptions } from ${JSON.stringify(join(import.meta.dir, "runtime-options.ts"))};
process.stdout.write("start\\n");
const refused = applyRuntimeOptions(process.env);
const set = Object.keys(runtimeOptions).filter((name) => process.env[name] === runtimeOptions[name]).length;
process.stdout.write(JSON.stringify({ pid: process.pid, refused, set, kept: process.env.KEPT, words: process.argv.slice(-2) }) + "\\n");
`;

function run(env: Readonly<Record<string, string>>): { readonly pid: number; readonly lines: string[] } {
  const argv = ["--smol", "-e", script, "--", "proxy", "a word with spaces"];
  const child = spawnSync(process.execPath, argv, { encoding: "utf8", env: { PATH: "/bin", KEPT: "ö=1", ...env } });
  expect(child.stderr).toBe("");
  return { pid: child.pid, lines: child.stdout.trim().split("\n") };
}

test("a program starts itself again once, in the same process, with its words, its variables and the options", () => {
  const { pid, lines } = run({});
  expect(lines.slice(0, 2)).toEqual(["start", "start"]);
  const words = ["proxy", "a word with spaces"];
  expect(JSON.parse(lines[2] ?? "")).toEqual({
    pid,
    refused: null,
    set: Object.keys(runtimeOptions).length,
    kept: "ö=1",
    words,
  });
});

test("whoever sets an option is left alone", () => {
  expect(applyRuntimeOptions({ BUN_JSC_useFTLJIT: "1" })).toBeNull();
  const { lines } = run({ BUN_JSC_smallHeapSize: "1000000" });
  expect(lines).toHaveLength(2);
  expect(JSON.parse(lines[1] ?? "")).toMatchObject({ refused: null, set: 0 });
});

test("the runtime knows every option", () => {
  const child = spawnSync(process.execPath, ["-e", "0"], { encoding: "utf8", env: { BUN_JSC_dumpOptions: "2" } });
  const known = child.stdout + child.stderr;
  for (const name of Object.keys(runtimeOptions)) expect(known).toContain(` ${name.replace("BUN_JSC_", "")}=`);
});
