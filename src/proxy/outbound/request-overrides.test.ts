import { expect, test } from "bun:test";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { noTimeouts, type RetryRule } from "../route/rule.ts";
import type { RouteExtras } from "./ports.ts";
import { withOverrides } from "./request-overrides.ts";

const extras = { timeouts: noTimeouts, retry: null, guarded: false } as unknown as RouteExtras;
const asked = (...lines: string[]): RouteExtras =>
  withOverrides(extras, parseRequestHead(`${["GET / HTTP/1.1", "host: a", ...lines].join("\r\n")}\r\n`));

test("a request without such headers has the route's own extras", () => {
  expect(asked("x-other: 1")).toBe(extras);
});

test("a request may say its timeouts", () => {
  expect(asked("l5d-timeout: 2s", "l5d-response-timeout: 150ms")).toMatchObject({
    timeouts: { request: 2000, response: 150 },
    retry: null,
    guarded: true,
  });
  expect(asked("l5d-request-timeout: 1m").timeouts.request).toBe(60_000);
  expect(asked("l5d-timeout: 900d").timeouts.request).toBe(3_600_000);
});

test("a request may say its retries, up to a limit", () => {
  const { retry } = asked("l5d-retry-http: 5xx, 429", "l5d-retry-limit: 5000", "l5d-retry-timeout: 50ms");
  expect(retry).toMatchObject({
    limit: 32,
    headTimeout: 50,
    statuses: [
      { from: 500, to: 599 },
      { from: 429, to: 429 },
    ],
  });
  expect(asked("l5d-retry-grpc: unavailable,internal").retry?.grpc).toEqual(new Set([14, 13]));
  expect(asked("l5d-retry-http: 503").retry?.limit).toBe(1);
});

test("a request may want none of the route's retries", () => {
  const rule = { limit: 3, maxBody: 1, statuses: [{ from: 500, to: 599 }] } as unknown as RetryRule;
  const head = parseRequestHead("GET / HTTP/1.1\r\nhost: a\r\nl5d-retry-limit: 0\r\n");
  expect(withOverrides({ ...extras, retry: rule }, head).retry).toBeNull();
});

test("what says nothing counts as absent", () => {
  expect(asked("l5d-timeout: soon", "l5d-retry-http: 9xx", "l5d-retry-limit: 3")).toMatchObject({
    timeouts: noTimeouts,
    retry: null,
    guarded: false,
  });
});
