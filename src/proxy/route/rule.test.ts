import { expect, test } from "bun:test";
import { asksForRetry, grpcTimeout, retriesBroken, discourages, wantedPause, type RetryRule } from "./rule.ts";

const rule = (more: Partial<RetryRule>): RetryRule => ({
  limit: 1,
  maxBody: 65_536,
  statuses: [],
  grpc: null,
  headTimeout: 0,
  backoff: { min: 25, max: 250, jitter: 1 },
  ...more,
});

test("statuses of the ranges are tried again, of gRPC the named codes", () => {
  const http = rule({
    statuses: [
      { from: 500, to: 503 },
      { from: 429, to: 429 },
    ],
  });
  expect([200, 428, 429, 499, 500, 503, 504].filter((status) => asksForRetry(http, status, -1))).toEqual([
    429, 500, 503,
  ]);
  const grpc = rule({ grpc: new Set([14, 8]) });
  expect([-1, 0, 8, 13, 14].filter((status) => asksForRetry(grpc, 200, status))).toEqual([8, 14]);
  expect([retriesBroken(http), retriesBroken(grpc), retriesBroken(rule({ grpc: new Set([1]) }))]).toEqual([
    true,
    true,
    false,
  ]);
});

test("a pause that the server wants is kept, one that is too long ends the tries", () => {
  const now = Date.UTC(2026, 0, 1);
  const wanted = (...fields: string[]) => wantedPause(fields, now);
  expect(wanted("retry-after", "2")).toBe(2000);
  expect(wanted("retry-after", "600")).toBeNull();
  expect(wanted("retry-after", "Thu, 01 Jan 2026 00:00:03 GMT")).toBe(3000);
  expect(wanted("retry-after", "Thu, 01 Jan 2026 00:10:00 GMT")).toBeNull();
  expect(wanted("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")).toBe(0);
  expect(wanted("retry-after", "soon")).toBe(0);
  expect(wanted("grpc-retry-pushback-ms", "150")).toBe(150);
  expect(wanted("grpc-retry-pushback-ms", "-1")).toBeNull();
  expect(wanted()).toBe(0);
});

test("an answer discourages when it fails or asks for fewer requests", () => {
  expect([200, 404, 429, 500, 503].map((status) => discourages(status, -1))).toEqual([false, false, true, true, true]);
  expect([0, 5, 7, 8, 14].map((status) => discourages(200, status))).toEqual([false, false, false, true, true]);
});

test("grpc-timeout has a unit", () => {
  expect(["1S", "20m", "2M", "1H", "5000u", "x", "1", "123456789m", null].map(grpcTimeout)).toEqual([
    1000, 20, 120_000, 3_600_000, 5, 0, 0, 0, 0,
  ]);
});
