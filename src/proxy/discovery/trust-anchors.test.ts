import { expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { followTrustAnchors, unservedPause } from "./trust-anchors.ts";
import type { OpenStream } from "./watch-stream.ts";

type Handlers = Parameters<OpenStream<{ bundlePem: string }>>[0];

function setUp() {
  const clock = new FakeClock();
  const opened: Handlers[] = [];
  const bundles: string[] = [];
  const { log, lines } = memoryLog("info");
  const follower = followTrustAnchors<{ bundlePem: string }>(
    (handlers) => {
      opened.push(handlers);
      return { cancel() {} };
    },
    ({ bundlePem }) => bundles.push(bundlePem),
    {
      clock,
      random: { next: () => 0 },
      log,
      backoff: { min: 1000, max: 60_000, jitter: 0 },
      initialTimeout: 3000,
      lifetime: 3_600_000,
    },
  );
  return { clock, opened, bundles, lines, follower };
}

test("every bundle is handed on, and silence is no reason to ask again before the stream's life is over", () => {
  const { clock, opened, bundles, follower } = setUp();
  opened[0]?.onMessage({ bundlePem: "a" });
  clock.advance(3_000_000);
  opened[0]?.onMessage({ bundlePem: "b" });
  expect([bundles, opened.length]).toEqual([["a", "b"], 1]);
  clock.advance(600_000);
  expect(opened.length).toBe(2);
  follower.close();
  expect(clock.timers).toBe(0);
});

test("a control plane that does not serve anchors is asked again every ten minutes, quietly", () => {
  const { clock, opened, lines, follower, bundles } = setUp();
  for (let count = 1; count <= 3; count++) {
    opened.at(-1)?.onEnd({ code: 12, message: "unimplemented" });
    clock.advance(unservedPause - 1);
    expect(opened.length).toBe(count);
    clock.advance(1);
    expect(opened.length).toBe(count + 1);
  }
  opened.at(-1)?.onMessage({ bundlePem: "after the upgrade" });
  expect([bundles, lines]).toEqual([["after the upgrade"], []]);
  opened.at(-1)?.onEnd({ code: 12, message: "unimplemented" });
  follower.close();
  expect(clock.timers).toBe(0);
});

test("a control plane that is away is asked ever less often", () => {
  const { clock, opened, follower } = setUp();
  const times: number[] = [];
  for (let second = 0; second < 240; second++) {
    if (times.length < opened.length) {
      times.push(second);
      opened.at(-1)?.onEnd({ code: 14, message: "unavailable" });
    }
    clock.advance(1000);
  }
  expect(times).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183]);
  follower.close();
  expect(clock.timers).toBe(0);
});
