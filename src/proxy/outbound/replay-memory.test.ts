/** Requests that may be sent again, and what all of them together keep. */
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

const unavailable = parseResponseHead("HTTP/1.1 503 X\r\ncontent-length: 0\r\n");
const backoff = { min: 1, max: 1, jitter: 0 };
const retry = { limit: 2, maxBody: 65_536, statuses: [{ from: 503, to: 503 }], grpc: null, headTimeout: 0, backoff };

function setUp(limit: number) {
  const clock = new FakeClock();
  const replay = new ReplayMemory(limit);
  const extras = { timeouts: noTimeouts, retry, retries: null, mirrors: [], response: [] } as unknown as RouteExtras;
  const context = {
    clock,
    random: seededRandom(1),
    budget: new RetryBudget(defaultBudget, clock),
    replay,
    flush() {},
  };
  /** A request with its body, whose tries get answers from the test. */
  const request = (body: string) => {
    const log: string[] = [];
    const tries: Downstream[] = [];
    let guard: Upstream | null = null;
    const upstream = (sent: { text: string }): Upstream => ({
      blocked: false,
      trailerBlock: null,
      sendBody: (chunk, start, end) => void (sent.text += chunk.toString("latin1", start, end)),
      endRequest: () => log.push(`sent ${sent.text}`),
      resumeResponse() {},
      pauseResponse() {},
      abort() {},
    });
    const pool = {
      acquire(downstream: Downstream) {
        tries.push(downstream);
        downstream.onUpstream(upstream({ text: "" }));
      },
      cancel() {},
    };
    const downstream: Downstream = {
      request: parseRequestHead("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n"),
      extra: [],
      extraFields: "",
      authority: null,
      blocked: false,
      onUpstream: (upstream) => void (guard = upstream),
      onUnsent() {},
      onInformational() {},
      onResponse: ({ status }) => log.push(`got ${status}`),
      onResponseBody() {},
      onResponseEnd() {},
      onSwitched() {},
      onBroken() {},
      onUpstreamBlocked() {},
    };
    const owner = {
      mirror: () => [],
      onTryAgain: () => made.send(pool, control),
      onTryEnded() {},
      onTryUnsent() {},
      onExpired() {},
      onCut() {},
      onAbandoned() {},
    };
    const control = { send: () => made.acquire(downstream) } as unknown as RequestControl;
    const made = new GuardedRequest(owner, extras, false, Number.POSITIVE_INFINITY, context);
    made.send(pool, control);
    (guard as Upstream | null)?.sendBody(Buffer.from(body), 0, body.length);
    (guard as Upstream | null)?.endRequest([]);
    return {
      log,
      answer(): void {
        tries.at(-1)?.onResponse(unavailable, "none");
        clock.advance(10);
      },
      close: () => made.close(),
    };
  };
  return { replay, request };
}

test("A request that would make all requests keep too much to send again is sent once; others are not concerned", () => {
  const t = setUp(10);
  const first = t.request("aaaaaaaa");
  const second = t.request("bbb");
  expect([t.replay.used, t.replay.overflows]).toEqual([8, 1]);
  second.answer();
  expect(second.log).toEqual(["sent bbb", "got 503"]);
  first.answer();
  expect(first.log).toEqual(["sent aaaaaaaa", "sent aaaaaaaa"]);
  first.close();
  expect(t.replay.used).toBe(0);

  const third = t.request("bbb");
  third.answer();
  expect(third.log).toEqual(["sent bbb", "sent bbb"]);
  third.close();
  expect([t.replay.used, t.replay.overflows]).toEqual([0, 1]);
});
