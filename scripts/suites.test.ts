import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { add, readReport, summary } from "./suites.ts";

test("readReport() counts passes, failures and skips, and a missing report as nothing", () => {
  const folder = mkdtempSync(join(tmpdir(), "suites-test-"));
  const path = join(folder, "report.xml");
  writeFileSync(
    path,
    '<?xml version="1.0"?>\n<testsuites name="bun test" tests="10" assertions="9" failures="2" skipped="3" time="1">\n</testsuites>',
  );
  expect(readReport(path)).toEqual({ passed: 5, failed: 2, skipped: 3 });
  rmSync(folder, { recursive: true });
  expect(readReport(path)).toEqual({ passed: 0, failed: 0, skipped: 0 });
});

test("summary() is the plain closing line", () => {
  expect(summary({ passed: 3, failed: 0, skipped: 0 })).toBe("3 passed, 0 failed");
  expect(summary(add({ passed: 3, failed: 1, skipped: 1 }, { passed: 1, failed: 0, skipped: 1 }))).toBe(
    "4 passed, 1 failed, 2 skipped",
  );
});
