import { describe, expect, test } from "bun:test";
import { Registry } from "#lib/metrics/registry.ts";
import { text } from "#lib/metrics/text.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { ObserveRequestSchema } from "#rpc/gen/tap_pb.ts";
import { create } from "#rpc/protobuf/create.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { RequestWatchers } from "../http/request-watch.ts";
import type { TapEventInit } from "./messages.ts";
import { Tap, tapLimits } from "./tap.ts";

const head = parseRequestHead("GET /a?b=1 HTTP/1.1\r\nhost: web\r\n");
const source = {
  direction: "inbound",
  client: { ip: "10.0.0.1", port: 4000 },
  target: { ip: "10.0.0.2", port: 80 },
  labels: { tls: "true", client_id: "me" },
} as const;

function setUp() {
  const clock = new FakeClock();
  const registry = new Registry({ clock });
  const watchers = new RequestWatchers();
  const tap = new Tap(watchers, registry, clock);
  const all: Array<{ events: TapEventInit[] }> = [];
  const seen = (): number => all.reduce((sum, { events }) => sum + events.length, 0);
  const observe = (limit: number) => {
    const seen = { events: [] as TapEventInit[], ended: false, queued: 0, stop: () => {} };
    const output = {
      get queued() {
        return seen.queued;
      },
      send: (event: TapEventInit) => seen.events.push(event) > 0,
      end: () => {
        seen.ended = true;
      },
    };
    all.push(seen);
    seen.stop = tap.observe(create(ObserveRequestSchema, { limit }), output);
    return seen;
  };
  /** Null: nobody is shown it. */
  const begin = () => {
    const watch = watchers.current?.begin(head, source) ?? null;
    const before = seen();
    watch?.sending(source.target, {}, {});
    return seen() > before ? watch : null;
  };
  return { clock, registry, watchers, tap, observe, begin };
}

describe("Tap", () => {
  test("watches requests only while somebody observes", () => {
    const t = setUp();
    expect(t.watchers.current).toBeNull();
    const one = t.observe(1);
    const other = t.observe(5);
    one.stop();
    expect(t.watchers.current).not.toBeNull();
    other.stop();
    expect(t.watchers.current).toBeNull();
  });

  test("ends an observation when the last of its requests is over, and not before", () => {
    const t = setUp();
    const seen = t.observe(1);
    const watch = t.begin();
    expect(t.begin()).toBeNull();
    expect(seen.ended).toBe(false);
    t.clock.advance(20);
    watch?.ended(0, "client-gone", -1);
    expect(seen.ended).toBe(true);
    expect(seen.events.length).toBe(2);
    expect(t.watchers.current).toBeNull();
  });

  test("leaves requests out for an observer that is slow, and shows them to others", () => {
    const t = setUp();
    const slow = t.observe(100);
    const fast = t.observe(100);
    slow.queued = tapLimits.queued;
    t.begin()?.ended(200, "complete", -1);
    expect(slow.events.length).toBe(0);
    expect(fast.events.length).toBe(3);
    expect(text(t.registry)).toContain("tap_requests_dropped_total 1\n");
  });

  test("shows an observer no more than so many requests at a time and per second", () => {
    const t = setUp();
    const seen = t.observe(1_000_000);
    const open = Array.from({ length: tapLimits.inFlight + 10 }, () => t.begin()).filter((watch) => watch !== null);
    expect(open.length).toBe(tapLimits.inFlight);
    for (const watch of open) watch.ended(200, "complete", -1);
    for (let at = 0; at < tapLimits.requestsPerSecond; at++) t.begin()?.ended(200, "complete", -1);
    expect(seen.events.length).toBe(tapLimits.requestsPerSecond * 3);
    t.clock.advance(1000);
    expect(t.begin()).not.toBeNull();
  });

  test("refuses a limit of none, and one observer too many", () => {
    const t = setUp();
    expect(() => t.observe(0)).toThrow("The limit must be at least 1");
    for (let at = 0; at < tapLimits.observers; at++) t.observe(1);
    expect(() => t.observe(1)).toThrow("observers already");
  });
});
