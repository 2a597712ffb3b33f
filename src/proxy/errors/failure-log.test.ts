import { expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { FailureLog } from "./failure-log.ts";

test("ten failures of ten seconds are told one by one, and of the others how many there were", () => {
  const { log, lines } = memoryLog();
  const clock = new FakeClock();
  const failures = new FailureLog(log, clock);
  for (let i = 0; i < 25; i++) failures.add("Request failed", "failfast", `No endpoint is ready ${i}`);
  expect(lines.length).toBe(10);
  expect(lines[0]).toContain("Request failed");
  expect(lines[0]).toContain("No endpoint is ready 0");
  clock.advance(10_000);
  expect(lines.length).toBe(11);
  expect(lines[10]).toContain("15");
  failures.add("Request failed", "failfast", "again");
  expect(lines.length).toBe(12);
  clock.advance(60_000);
  expect(lines.length).toBe(12);
});
