import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extensionsOnPath, missingResult, parseOutput, runExternal, selectChecks } from "./external.ts";

const folder = mkdtempSync(join(tmpdir(), "linkerd-path-"));
const script = (name: string, text: string, mode = 0o755): void =>
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode });

beforeAll(() => {
  script("linkerd-eager", `[ "$1" = _extension-metadata ] && echo '{"name":"linkerd-eager","checks":"always"}'`);
  script("linkerd-quiet", `echo '{"success":true,"categories":[{"categoryName":"quiet","checks":[]}]}'`);
  script("linkerd-liar", `echo '{"name":"linkerd-other","checks":"always"}'`);
  script("linkerd-data", "exit 0", 0o644);
});
afterAll(() => rmSync(folder, { recursive: true }));

test("executables on PATH are found, other files are not", () => {
  const names = extensionsOnPath(`/no/such/folder:${folder}:${folder}`).map(({ name }) => name);
  expect(names).toEqual(["eager", "liar", "quiet"]);
});

test("those run that always want to and those whose namespace is there; others are missing", async () => {
  const { run, missing } = await selectChecks(extensionsOnPath(folder), ["quiet", "gone"]);
  expect(run.map(({ name }) => name)).toEqual(["eager", "quiet"]);
  expect(missing).toEqual(["linkerd-gone"]);
  expect(missingResult("linkerd-gone").checks[0]).toMatchObject({
    description: "Linkerd extension command linkerd-gone exists",
    outcome: "warning",
    error: 'exec: "linkerd-gone": executable file not found in $PATH',
  });
});

test("output that is no JSON is a failed check that shows it", async () => {
  const [result] = await runExternal({ name: "eager", path: join(folder, "linkerd-eager") }, ["--output=json"], 5000);
  expect(result?.category).toBe("linkerd-eager");
  expect(result?.checks[0]).toMatchObject({
    outcome: "error",
    description: `Running: ${folder}/linkerd-eager check --output=json`,
  });
});

test("one that left a process behind which keeps its output open is waited for no longer than its time", async () => {
  script("linkerd-stuck", "echo said; sleep 30 & exit 0");
  const started = performance.now();
  const [result] = await runExternal({ name: "stuck", path: join(folder, "linkerd-stuck") }, [], 300);
  expect(performance.now() - started).toBeLessThan(5000);
  expect(result?.checks[0]?.error).toContain("said");
});

test("parseOutput() reads results, and takes an unknown one for an error", () => {
  const text = JSON.stringify({
    success: false,
    categories: [{ categoryName: "c", checks: [{ description: "d", result: "odd", error: "e", hint: "h" }] }],
  });
  expect(parseOutput(text)).toEqual([
    { category: "c", checks: [{ description: "d", outcome: "error", error: "e", hint: "h" }] },
  ]);
});
