import { describe, expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { tcpAddress } from "#rpc/address.ts";
import { TapEventSchema, type TapEvent } from "#rpc/gen/tap_pb.ts";
import { create } from "#rpc/protobuf/create.ts";
import type { TapLine } from "../client/tap-event.ts";
import type { TapRequest } from "../client/tap-request.ts";
import type { TapPod } from "./tap-pods.ts";
import { sessionLimits, TapSession, type OpenObserve } from "./tap-session.ts";

type Handler = Parameters<OpenObserve>[2];

const pod = (name: string, more: Partial<TapPod> = {}): TapPod => ({
  metadata: { name, namespace: "app" },
  target: `app/${name}`,
  owners: new Map(),
  labels: {},
  ip: `10.0.0.${name.slice(1)}`,
  port: 4190,
  running: true,
  tap: "enabled",
  hostNetwork: false,
  ...more,
});

function message(kind: "requestInit" | "responseInit" | "responseEnd", stream: number): TapEvent {
  const value = { id: { base: 7, stream: BigInt(stream) }, ...(kind === "requestInit" ? { path: "/a" } : {}) };
  return create(TapEventSchema, {
    source: tcpAddress({ ip: "10.0.0.1", port: 1000 })!,
    destination: tcpAddress({ ip: "10.0.0.2", port: 80 })!,
    event: { case: "http", value: { event: { case: kind, value } } },
  } as never);
}

function setUp(request: Partial<TapRequest> = {}) {
  const clock = new FakeClock();
  const open = new Map<string, Handler>();
  const asked: object[] = [];
  const state = { queued: 0, failed: false, lines: [] as TapLine[] };
  const session = new TapSession({
    request: { resource: { kind: "namespace", namespace: null, name: "app" }, ...request },
    output: {
      get queued() {
        return state.queued;
      },
      write: (line) => void (line.trim() !== "" && state.lines.push(JSON.parse(line) as TapLine)),
      fail: () => (state.failed = true),
    },
    open: ({ target }, wanted, handler) => {
      asked.push(wanted);
      open.set(target, handler);
      return () => open.delete(target);
    },
    labelsOf: (ip) => (ip === "10.0.0.1" ? { pod: "client" } : {}),
    tellsHeader: () => true,
    clock,
    random: seededRandom(1),
    log: memoryLog().log,
  });
  const events = (): string[] =>
    state.lines.flatMap((line) => {
      if (!("event" in line)) return [];
      const { requestInitEvent: req, responseInitEvent: rsp, responseEndEvent: end } = line.event;
      const { id } = (req ?? rsp ?? end)!;
      return [`${req ? "req" : rsp ? "rsp" : "end"} ${id.base}:${id.stream}`];
    });
  const exchange = (target: string, stream: number): void => {
    for (const kind of ["requestInit", "responseInit", "responseEnd"] as const)
      open.get(target)?.onMessage(message(kind, stream));
  };
  return { clock, open, asked, state, session, events, exchange };
}

describe("A tap session", () => {
  test("merges the streams of its pods under numbers of their own, and names who has an address", () => {
    const t = setUp();
    t.session.use([pod("a1"), pod("a2"), pod("a3", { tap: "disabled" })]);
    t.exchange("app/a1", 0);
    t.exchange("app/a2", 0);
    expect(t.events()).toEqual(["req 0:0", "rsp 0:0", "end 0:0", "req 1:0", "rsp 1:0", "end 1:0"]);
    expect([...t.open.keys()]).toEqual(["app/a1", "app/a2"]);
    expect(t.state.lines.find((line) => "event" in line)).toMatchObject({
      event: { source: { ip: "10.0.0.1", metadata: { pod: "client" } }, destination: { metadata: {} } },
    });
  });

  test("says how many proxies answer, and asks again for one that ended, later each time", () => {
    const t = setUp();
    t.session.use([pod("a1")]);
    t.open.get("app/a1")?.onOpen();
    t.open.get("app/a1")?.onEnd("gone");
    t.clock.advance(1000);
    expect(t.asked.length).toBe(2);
    t.open.get("app/a1")?.onEnd("gone");
    t.clock.advance(400);
    expect(t.asked.length).toBe(2);
    t.clock.advance(10_000);
    t.open.get("app/a1")?.onOpen();
    expect(t.state.lines).toEqual([
      { tapping: { proxies: 0, pods: 1 } },
      { tapping: { proxies: 1, pods: 1 } },
      { note: 'Pod "app/a1" can\'t be looked into: gone' },
      { tapping: { proxies: 0, pods: 1 } },
      { tapping: { proxies: 1, pods: 1 } },
    ]);
  });

  test("follows pods that come and go, also under the same name", () => {
    const t = setUp();
    t.session.use([pod("a1")]);
    t.session.use([pod("a1", { ip: "10.0.0.9" }), pod("a2")]);
    expect(t.asked.length).toBe(3);
    t.session.use([pod("a2")]);
    expect([...t.open.keys()]).toEqual(["app/a2"]);
    t.session.end();
    expect(t.open.size).toBe(0);
    expect(t.clock.timers).toBe(0);
  });

  test("shows so many requests a second of all pods together, each as a whole, and counts the others", () => {
    const t = setUp({ maxRps: 2 });
    t.session.use([pod("a1"), pod("a2")]);
    for (let at = 0; at < 5; at++) t.exchange(`app/a${(at % 2) + 1}`, at);
    expect(t.events()).toEqual(["req 0:0", "rsp 0:0", "end 0:0", "req 1:1", "rsp 1:1", "end 1:1"]);
    t.clock.advance(500);
    t.exchange("app/a1", 5);
    expect(t.events().length).toBe(9);
    t.clock.advance(1000);
    expect(t.state.lines.at(-1)).toEqual({ dropped: { rate: 3, slow: 0 } });
  });

  test("leaves new requests out while its reader is behind, tells the others to their end, and gives a reader up that stays away", () => {
    const t = setUp();
    t.session.use([pod("a1")]);
    t.open.get("app/a1")?.onMessage(message("requestInit", 0));
    t.state.queued = sessionLimits.queued;
    t.exchange("app/a1", 1);
    t.open.get("app/a1")?.onMessage(message("responseEnd", 0));
    expect(t.events()).toEqual(["req 0:0", "end 0:0"]);
    t.state.queued = 0;
    t.clock.advance(1000);
    expect(t.state.lines.at(-1)).toEqual({ dropped: { rate: 0, slow: 1 } });
    t.open.get("app/a1")?.onMessage(message("requestInit", 2));
    t.state.queued = sessionLimits.mostQueued + 1;
    t.open.get("app/a1")?.onMessage(message("responseEnd", 2));
    expect(t.state.failed).toBe(true);
    expect(t.clock.timers).toBe(0);
  });

  test("looks into so many pods at most, and says so", () => {
    const t = setUp();
    t.session.use(Array.from({ length: sessionLimits.pods + 5 }, (_, at) => pod(`a${at}`)));
    expect(t.open.size).toBe(sessionLimits.pods);
    expect(t.state.lines[0]).toEqual({ note: "Of 105 pods the first 100 are looked into" });
  });

  test("asks proxies for what its filters say", () => {
    const t = setUp({
      to: { kind: "deployment", namespace: "app", name: "voting" },
      method: "post",
      path: "/api",
      authority: "web",
      scheme: "http",
      headers: true,
    });
    t.session.use([pod("a1")]);
    expect(t.asked[0]).toMatchObject({
      extract: { extract: { case: "http" } },
      match: {
        match: {
          case: "all",
          value: {
            matches: [
              { match: { case: "destinationLabel", value: { key: "deployment", value: "voting" } } },
              { match: { case: "destinationLabel", value: { key: "namespace", value: "app" } } },
              { match: { case: "http", value: { match: { case: "method", value: { type: { value: 1 } } } } } },
              { match: { case: "http", value: { match: { case: "scheme", value: { type: { value: 0 } } } } } },
              { match: { case: "http", value: { match: { case: "authority", value: { match: { value: "web" } } } } } },
              { match: { case: "http", value: { match: { case: "path", value: { match: { case: "prefix" } } } } } },
            ],
          },
        },
      },
    });
  });
});
