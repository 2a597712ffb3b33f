import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readReport } from "./junit.ts";

const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="10" assertions="9" failures="2" skipped="3" time="1">
  <testsuite name="a.test.ts" file="a.test.ts" tests="10">
    <testsuite name="group" file="a.test.ts" line="2">
      <testcase name="x &amp; y" classname="group" time="0.00025" file="a.test.ts" line="2" assertions="1">
        <failure type="AssertionError" message="Expected: 2&#10;Received: &lt;1&gt;&#10;">AssertionError</failure>
      </testcase>
      <testcase name="ok" classname="group" time="0.000008" file="a.test.ts" line="2" assertions="0" />
      <testcase name="slow" classname="group" time="0.1" file="a.test.ts" line="9" assertions="0">
        <failure type="TimeoutError" message="test timed out" />
      </testcase>
    </testsuite>
  </testsuite>
</testsuites>`;

test("readReport() counts passes, failures and skips, and says what failed where", () => {
  const folder = mkdtempSync(join(tmpdir(), "junit-test-"));
  const path = join(folder, "report.xml");
  writeFileSync(path, report);
  expect(readReport(path)).toEqual({
    counts: { passed: 5, failed: 2, skipped: 3 },
    failures: ["a.test.ts:2: group > x & y: Expected: 2\nReceived: <1>", "a.test.ts:9: group > slow: test timed out"],
  });
  rmSync(folder, { recursive: true });
});

test("readReport() takes a missing report as nothing", () => {
  expect(readReport("/nonexistent/report.xml")).toEqual({
    counts: { passed: 0, failed: 0, skipped: 0 },
    failures: [],
  });
});
