/** Four times as many requests as an application can answer, from clients that do not slow down. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { adminBound, overloadSeconds } from "../bounds.ts";
import { load, succeeded, type LoadResult } from "../load.ts";
import { appPorts, server, startPair, type Pair } from "../pair.ts";
import { suiteProgram } from "../programs.ts";

const port = appPorts[2];
/** The application has 10 places and keeps each request for 25 ms. */
const [slots, work, peak] = [10, 25, 400];
/** What the server's proxy lets in: a quarter of a second of work. */
const maxInFlight = peak / 4;
/** The slowest failfast of the two proxies, ms. */
const failfast = 3000;

let pair: Pair;
let app: string;
beforeAll(async () => {
  app = await suiteProgram("suite-app");
  pair = await startPair({ env: { INBOUND_MAX_IN_FLIGHT: String(maxInFlight) } });
  await pair.inServer("application", [app, "serve", `0.0.0.0:${port}`, String(slots)], port);
});
afterAll(() => pair.stop());

const requests = (proto: "h1" | "h2", rate: number, seconds: number): Promise<LoadResult> =>
  load(pair, app, { url: `http://${server.ip}:${port}/work?ms=${work}`, proto, rate, seconds, clients: 8 });

/** The slowest answers of both proxies' admin ports until it is stopped. */
function watchAdmin(): () => Promise<{ readonly slowest: number; readonly failed: number }> {
  let [slowest, failed] = [0, 0];
  const stop = new AbortController();
  const watching = (async () => {
    while (!stop.signal.aborted) {
      for (const side of ["out", "in"] as const) {
        for (const path of ["/ready", "/metrics"]) {
          const { status, took } = await pair.ask(side, path);
          slowest = Math.max(slowest, took);
          if (status !== 200) failed++;
        }
      }
      await Bun.sleep(200);
    }
  })();
  return async () => {
    stop.abort();
    await watching;
    return { slowest, failed };
  };
}

for (const proto of ["h1", "h2"] as const) {
  test(`goodput, errors, recovery and admin ports at four times what ${proto} clients get`, async () => {
    const stopWatch = watchAdmin();
    const during = await requests(proto, 4 * peak, overloadSeconds);
    const recovery = await requests(proto, peak / 2, 6);
    const admin = await stopWatch();
    // The first second fills the places.
    const seconds = during.perSecond.slice(1, overloadSeconds);
    const goodput = seconds.reduce((sum, count) => sum + count, 0) / seconds.length;
    const { ok, failed } = succeeded(during);
    const last = recovery.perSecond.at(-2) ?? 0;
    console.log(
      `overload, ${proto}: goodput ${((100 * goodput) / peak).toFixed(0)} % of peak, ${ok} of ${ok + failed} answered 200 with p99 ` +
        `${during.p99.toFixed(0)} ms, the rest ${JSON.stringify(during.statuses)} within ${during.otherMax.toFixed(0)} ms; then ` +
        `${JSON.stringify(recovery.statuses)}, p99 ${recovery.p99.toFixed(0)} ms; admin ports within ${admin.slowest.toFixed(0)} ms`,
    );
    expect(goodput).toBeGreaterThanOrEqual(0.8 * peak);
    const others = Object.keys(during.statuses).filter((status) => !["200", "503", "504"].includes(status));
    expect(others, during.errors.join("\n")).toEqual([]);
    expect(during.otherMax).toBeLessThanOrEqual(failfast + 1000);
    // In its last second nothing is left of it.
    expect(last).toBeGreaterThanOrEqual(0.9 * (peak / 2));
    expect(recovery.statuses["200"] ?? 0).toBeGreaterThanOrEqual(0.8 * 6 * (peak / 2));
    expect(admin.failed).toBe(0);
    expect(admin.slowest).toBeLessThanOrEqual(adminBound);
  });
}
