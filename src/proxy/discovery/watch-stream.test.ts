import { describe, expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { WatchStream, type StreamEnd } from "./watch-stream.ts";

interface Opened {
  onMessage(message: string): void;
  onEnd(end: StreamEnd): void;
  cancelled: boolean;
}

function watch() {
  const clock = new FakeClock();
  const opened: Opened[] = [];
  const messages: Array<[string, boolean]> = [];
  const refusals: Array<[number, boolean]> = [];
  const subject = new WatchStream<string>(
    (handlers) => {
      const entry: Opened = { ...handlers, cancelled: false };
      opened.push(entry);
      return {
        cancel() {
          entry.cancelled = true;
        },
      };
    },
    {
      onMessage: (message, first) => messages.push([message, first]),
      onRefused: (end, retried) => refusals.push([end.code, retried]),
    },
    {
      clock,
      random: seededRandom(1),
      log: memoryLog().log,
      backoff: { min: 100, max: 400, jitter: 0 },
      initialTimeout: 3000,
      idleTimeout: 300_000,
      lifetime: 3_600_000,
      what: "test",
    },
  );
  return { clock, opened, messages, refusals, subject };
}

describe("WatchStream", () => {
  test("opens again with growing delays while the control plane is away, and tells which message starts anew", () => {
    const { clock, opened, messages } = watch();
    opened[0]?.onMessage("a");
    opened[0]?.onMessage("b");
    opened[0]?.onEnd({ code: 14, message: "gone" });
    for (const delay of [100, 200, 400, 400]) {
      const before = opened.length;
      clock.advance(delay - 1);
      expect(opened.length).toBe(before);
      clock.advance(1);
      expect(opened.length).toBe(before + 1);
      opened.at(-1)?.onEnd({ code: 14, message: "refused" });
    }
    clock.advance(400);
    opened.at(-1)?.onMessage("c");
    expect(messages).toEqual([
      ["a", true],
      ["b", false],
      ["c", true],
    ]);
  });

  test("gives a stream up that says nothing for the initial or the idle time", () => {
    const { clock, opened } = watch();
    clock.advance(3000);
    expect(opened[0]?.cancelled).toBe(true);
    clock.advance(100);
    opened[1]?.onMessage("a");
    clock.advance(299_999);
    expect(opened[1]?.cancelled).toBe(false);
    clock.advance(1);
    expect(opened[1]?.cancelled).toBe(true);
  });

  test("renews a stream at the end of its life without a delay", () => {
    const { clock, opened } = watch();
    for (let at = 0; at < 3_600_000; at += 200_000) {
      opened[0]?.onMessage("keep");
      clock.advance(Math.min(200_000, 3_600_000 - at));
    }
    clock.advance(0);
    expect(opened.length).toBe(2);
  });

  test("stops asking when the control plane does not serve it, and asks again when it was not found", () => {
    const first = watch();
    first.opened[0]?.onEnd({ code: 12, message: "unimplemented" });
    first.clock.advance(100_000);
    expect([first.refusals, first.opened.length, first.clock.timers]).toEqual([[[12, false]], 1, 0]);
    const second = watch();
    second.opened[0]?.onEnd({ code: 5, message: "not found" });
    second.clock.advance(100);
    expect([second.refusals, second.opened.length]).toEqual([[[5, true]], 2]);
  });

  test("leaves neither stream nor timer behind when closed", () => {
    const { clock, opened, subject } = watch();
    opened[0]?.onMessage("a");
    subject.close();
    opened[0]?.onEnd({ code: 14, message: "late" });
    expect(opened[0]?.cancelled).toBe(true);
    expect(clock.timers).toBe(0);
  });
});
