import { describe, expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import type { TapEvent, TapLine } from "#viz/client/tap-event.ts";
import { expectGolden } from "../testing/golden.ts";
import { keysOf, type ScreenDevice } from "./screen.ts";
import { cut, duration, topColumns, topFrame } from "./top-frame.ts";
import { runTop } from "./top.ts";
import { topLimits, TopTable } from "./top-table.ts";

interface Given {
  readonly path: string;
  readonly from?: string;
  readonly to?: string;
  readonly status?: number;
  readonly ms?: number;
  readonly grpc?: number;
  readonly direction?: "INBOUND" | "OUTBOUND";
}

let streams = 0;

/** The three events of one request. */
function exchange({ path, from = "bot-1", to = "web-1", status = 200, ms = 5, grpc, direction }: Given): TapEvent[] {
  const id = { base: 0, stream: streams++ };
  const where = {
    source: { ip: "10.0.0.1", port: 1, metadata: { pod: from } },
    destination: { ip: "10.0.0.2", port: 80, metadata: { pod: to } },
    routeMeta: { route_name: "votes" },
    proxyDirection: direction ?? "OUTBOUND",
  } as const;
  const since = { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 };
  const head = { id, method: "GET", scheme: "http", authority: "web", path, headers: [] };
  const end = { id, sinceRequestInit: since, responseBytes: 5, trailers: [] };
  return [
    { ...where, requestInitEvent: head },
    ...(status === 0
      ? []
      : [{ ...where, responseInitEvent: { id, sinceRequestInit: since, httpStatus: status, headers: [] } }]),
    { ...where, responseEndEvent: grpc === undefined ? end : { ...end, grpcStatusCode: grpc } },
  ];
}

function tableOf(given: readonly Given[], options = { hideSources: false, byRoute: false }): TopTable {
  const table = new TopTable(options);
  for (const one of given) for (const event of exchange(one)) table.add(event);
  return table;
}

const traffic: readonly Given[] = [
  { path: "/api/vote?choice=a", ms: 12 },
  { path: "/api/vote?choice=b", ms: 1500, status: 500 },
  { path: "/grpc", grpc: 14, ms: 0.85 },
  { path: "/gone", status: 0 },
  { path: "/\u001b[2J\u202e\r\n猫", to: "a-pod-with-a-very-long-name-7c9d6b5f4-x2x4z", ms: 99_999 },
];

describe("top", () => {
  test("counts requests by who asks whom for what, and which of them succeed", () => {
    const rows = tableOf(traffic).rows.map(({ path, count, successes, best, worst, last }) => [
      path,
      count,
      successes,
      best,
      worst,
      last,
    ]);
    expect(rows.slice(0, 3)).toEqual([
      ["/api/vote", 2, 1, 12, 1500, 1500],
      ["/grpc", 1, 0, 0.85, 0.85, 0.85],
      ["/gone", 1, 0, 5, 5, 5],
    ]);
    const hidden = tableOf(
      [
        { path: "/", from: "a" },
        { path: "/", from: "b" },
      ],
      { hideSources: true, byRoute: true },
    );
    expect(hidden.rows).toMatchObject([{ source: "", route: "votes", count: 2 }]);
  });

  test("counts a request once that both sides tell of", () => {
    const rows = tableOf([
      { path: "/own", from: "web-1", to: "db-1" },
      { path: "/", from: "web-1", to: "db-1", direction: "OUTBOUND" },
      { path: "/", from: "web-1", to: "db-1", direction: "INBOUND" },
      { path: "/", from: "stranger", to: "db-1", direction: "INBOUND" },
    ]).rows;
    expect(rows.map(({ source, path, count }) => [source, path, count])).toEqual([
      ["web-1", "/own", 1],
      ["web-1", "/", 1],
      ["stranger", "/", 1],
    ]);
  });

  test("keeps so many rows, however many paths there are", () => {
    const given = Array.from({ length: topLimits.rows + 50 }, (_, at) => ({ path: `/${at}` }));
    const { rows } = tableOf(given);
    expect(rows.length).toBe(topLimits.rows);
    expect(rows[0]?.path).toBe("/50");
  });

  test("fits into terminals of any size, with nothing of strangers that acts on them", () => {
    const columns = topColumns({ hideSources: false, byRoute: false });
    const view = { columns, sort: 4, reverse: false, offset: 0, title: "top deploy/web   3s" };
    const { rows } = tableOf(traffic);
    let text = "";
    for (const size of [
      { columns: 120, rows: 9 },
      { columns: 80, rows: 6 },
      { columns: 40, rows: 5 },
      { columns: 3, rows: 2 },
    ]) {
      const lines = topFrame(rows, view, size);
      expect(lines.length).toBe(size.rows);
      for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(size.columns);
      text += `--- ${size.columns}x${size.rows}\n${lines.join("\n")}\n`;
    }
    const byRoute = topColumns({ hideSources: true, byRoute: true });
    text += `--- by route, by path, reversed\n${topFrame(rows, { ...view, columns: byRoute, sort: 2, reverse: true }, { columns: 100, rows: 8 }).join("\n")}\n`;
    expectGolden("top.txt", text);
  });

  test("cuts wide characters and joined ones as a whole, and shows times in three digits", () => {
    expect(cut("猫猫猫", 6)).toBe("猫猫猫");
    expect(cut("猫猫猫", 5)).toBe("猫猫…");
    expect(cut("猫猫猫", 4)).toBe("猫…");
    expect(cut("a", 0)).toBe("");
    expect([0.0004, 0.85, 12.4, 999, 1500, 120_000].map(duration)).toEqual([
      "0µs",
      "850µs",
      "12ms",
      "999ms",
      "1.5s",
      "120s",
    ]);
  });

  test("knows keys in both forms that terminals send, also many at once", () => {
    expect(keysOf("\u001b[A\u001bOBq\u001b[5~\u001b[200~x\u0003\u001b")).toEqual([
      "up",
      "down",
      "q",
      "pageup",
      "x",
      "quit",
    ]);
  });
});

/** A terminal of so many columns and rows that understands what the screen writes. */
function fakeTerminal(columns: number, rows: number) {
  const state = {
    columns,
    rows,
    lines: [] as string[],
    raw: "",
    input: (_text: string) => {},
    resize: () => {},
    on: true,
  };
  const device: ScreenDevice = {
    size: () => state,
    write(text) {
      state.raw += text;
      if (text.includes("\u001b[2J")) state.lines = [];
      // oxlint-disable-next-line no-control-regex
      for (const [, row = "", line = ""] of text.matchAll(/\u001b\[(\d+);1H((?:(?!\u001b\[\d+;1H)[\s\S])*)/g))
        // oxlint-disable-next-line no-control-regex
        state.lines[Number(row) - 1] = line.replaceAll(/\u001b\[[0-9]*[mK]/g, "").trimEnd();
      if (text.includes("\u001b[?1049l")) state.on = false;
    },
    onInput(handle) {
      state.input = handle;
      return () => (state.input = () => {});
    },
    onResize(handle) {
      state.resize = handle;
      return () => {};
    },
  };
  return { state, device };
}

describe("viz top on a terminal", () => {
  function start(columns = 100, rows = 8) {
    const clock = new FakeClock();
    const { state, device } = fakeTerminal(columns, rows);
    const waiting: TapLine[] = [];
    let wake = (): void => {};
    async function* lines(signal: AbortSignal): AsyncGenerator<TapLine> {
      for (;;) {
        for (const line of waiting.splice(0)) yield line;
        if (signal.aborted) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener("abort", () => resolve());
        });
      }
    }
    const over = runTop(lines, device, clock, { what: "deploy/web", hideSources: false, byRoute: false });
    const send = async (...given: TapLine[]): Promise<void> => {
      waiting.push(...given);
      wake();
      while (waiting.length > 0) await Promise.resolve();
      for (let at = 0; at < 500; at++) await Promise.resolve();
      clock.advance(500);
    };
    const type = (text: string) => state.input(text);
    const paths = () => state.lines.slice(2, -1).map((line) => line.split(/ +/)[3] ?? "");
    return { clock, state, over, send, type, paths };
  }
  const events = (...given: Given[]): TapLine[] =>
    given.flatMap((one) => exchange(one).map((event): TapLine => ({ event })));

  test("shows what comes, sorts, scrolls, pauses, clears, and leaves the terminal as it was", async () => {
    const { clock, state, over, send, type, paths } = start();
    await send({ tapping: { proxies: 1, pods: 2 } }, { dropped: { rate: 4, slow: 1 } }, { note: "\u001b[31m" });
    expect(state.lines[0]).toBe("top deploy/web   0s   1 of 2 pods   5 requests left out   \\x1b[31m");
    await send(...events({ path: "/b", ms: 9 }, { path: "/a", ms: 1 }, { path: "/a" }, { path: "/c", ms: 50 }));
    expect(paths().filter(Boolean)).toEqual(["/a", "/b", "/c"]);
    type("\u001b[C\u001b[C");
    expect(state.lines[1]).toContain("Worst▼");
    expect(paths().filter(Boolean)).toEqual(["/c", "/b", "/a"]);
    type("r");
    expect(paths().filter(Boolean)).toEqual(["/a", "/b", "/c"]);
    type("p");
    await send(...events({ path: "/d" }));
    expect(paths()).not.toContain("/d");
    expect(state.lines[0]).toContain("PAUSED");
    type("p");
    expect(paths()).toContain("/d");
    await send(...events(...Array.from({ length: 9 }, (_, at) => ({ path: `/x${at}`, ms: 100 + at }))));
    expect(state.lines.at(-1)).toEndWith("8 more below");
    type("jj");
    expect(paths()[0]).toBe("/b");
    type("\u001b[F");
    expect(paths()[4]).toBe("/x8");
    type("\u001b[H");
    expect(paths()[0]).toBe("/a");
    type("c");
    expect(paths().filter(Boolean)).toEqual([]);
    type("q");
    expect(await over).toBe("quit");
    expect(state.on).toBe(false);
    expect(clock.timers).toBe(0);
  });

  test("draws anew when the terminal changes its size, and only what changed otherwise", async () => {
    const { state, over, send, type } = start();
    await send(...events({ path: "/a" }));
    state.raw = "";
    await send();
    // The seconds in the title.
    await send();
    expect(state.raw.match(/;1H/g)?.length).toBe(1);
    Object.assign(state, { columns: 40, rows: 5 });
    state.resize();
    expect(state.lines.length).toBe(5);
    for (const line of state.lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(40);
    type("\u0003");
    expect(await over).toBe("quit");
  });
});

test("viz top says what to use where there is no terminal", async () => {
  const { runCli } = await import("../testing/run-cli.ts");
  const { emptyCluster } = await import("../testing/fake-cluster.ts");
  const api = emptyCluster();
  const { code, err } = await runCli(["viz", "top", "deploy/web"], { api });
  await api.stop();
  expect(code).toBe(1);
  expect(err).toContain("`linkerd viz tap` does not");
});
