/** What a backend sees that always fails, when everything is tried again. */
import { expect, test } from "bun:test";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { parseResponseHead } from "#wire/http1/parse-response.ts";
import type { Downstream, Upstream } from "../http/exchange.ts";
import type { RequestControl } from "../http/request-handler.ts";
import { RetryBudget, defaultBudget } from "../route/retry-budget.ts";
import { noTimeouts } from "../route/rule.ts";
import { GuardedRequest } from "./guarded-request.ts";
import type { RouteExtras } from "./ports.ts";
import { ReplayMemory } from "./replay-memory.ts";

const head = parseRequestHead("GET / HTTP/1.1\r\nhost: a\r\n");
const failed = parseResponseHead("HTTP/1.1 500 X\r\ncontent-length: 0\r\n");
const backoff = { min: 25, max: 250, jitter: 1 };
const retry = { limit: 10, maxBody: 65_536, statuses: [{ from: 500, to: 599 }], grpc: null, headTimeout: 0, backoff };

test("at 1,000 requests a second for 20 seconds it sees no more than 1.2 times as many, and 10 a second", () => {
  const clock = new FakeClock();
  const budget = new RetryBudget(defaultBudget, clock);
  const context = { clock, random: seededRandom(1), budget, replay: new ReplayMemory(1), flush() {} };
  const extras = { timeouts: noTimeouts, retry, retries: null, mirrors: [], response: [] } as unknown as RouteExtras;
  const nothing = (): void => {};
  const upstream = { blocked: false, trailerBlock: null, sendBody: nothing, endRequest: nothing, abort: nothing };
  let seen = 0;
  let answered = 0;
  const pool = {
    acquire(attempt: Downstream) {
      seen++;
      attempt.onUpstream(upstream as unknown as Upstream);
      attempt.onResponse(failed, "none");
      attempt.onResponseEnd([]);
    },
    cancel: nothing,
  };
  const request = (): void => {
    budget.deposit();
    const client = {
      request: head,
      extra: [],
      extraFields: "",
      authority: null,
      blocked: false,
      onUpstream: (to: Upstream) => to.endRequest([]),
      onResponse: () => answered++,
      onResponseEnd: nothing,
      onUpstreamBlocked: nothing,
    } as unknown as Downstream;
    const owner = { mirror: () => [], onTryAgain: () => guard.send(pool, control), onTryEnded: nothing };
    const control = { send: () => guard.acquire(client) } as unknown as RequestControl;
    const guard = new GuardedRequest(owner as never, extras, false, Number.POSITIVE_INFINITY, context);
    guard.send(pool, control);
  };
  const seconds = 20;
  for (let ms = 0; ms < seconds * 1000; ms++) {
    request();
    clock.advance(1);
  }
  const requests = seconds * 1000;
  expect(seen).toBeLessThanOrEqual(1.2 * requests + 10 * seconds);
  // And the budget is used.
  expect(seen).toBeGreaterThan(1.19 * requests);
  clock.advance(60_000);
  expect(answered).toBe(requests);
});
