import { expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { text } from "#lib/metrics/text.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { watchEventLoop } from "./loop-metrics.ts";

test("The event loop's lag is what a timer comes late by, and a long one is told", () => {
  const clock = new FakeClock();
  const registry = new Registry({ clock });
  const { log, lines } = memoryLog();
  let late = 0;
  // A loop that is busy when a timer is due sees a later time.
  const busy = { ...clock, now: () => clock.now() + late, after: clock.after.bind(clock), wall: () => 0 };
  const stop = watchEventLoop(registry, busy as never, log);
  clock.advance(250);
  expect(text(registry)).toContain('proxy_event_loop_lag_seconds_bucket{le="0.001"} 1\n');
  late += 30;
  clock.advance(250);
  expect(text(registry)).toContain('proxy_event_loop_lag_seconds_bucket{le="0.025"} 1\n');
  expect(text(registry)).toContain('proxy_event_loop_lag_seconds_bucket{le="0.05"} 2\n');
  expect(lines).toEqual([]);
  late += 1200;
  clock.advance(250);
  expect(text(registry)).toContain("proxy_event_loop_lag_max_seconds 1.2\n");
  expect(lines.length).toBe(1);
  stop();
  clock.advance(1000);
  expect(text(registry)).toContain("proxy_event_loop_lag_seconds_count 3\n");
});
