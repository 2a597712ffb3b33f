import { expect, test } from "bun:test";
import { asksForRetry, grpcTimeout, retriesBroken, wantedPause, type RetryRule } from "./rule.ts";

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
  expect(wantedPause(["retry-after", "2"])).toBe(2000);
  expect(wantedPause(["retry-after", "600"])).toBeNull();
  expect(wantedPause(["retry-after", "Fri, 31 Dec 1999 23:59:59 GMT"])).toBe(0);
  expect(wantedPause(["grpc-retry-pushback-ms", "150"])).toBe(150);
  expect(wantedPause(["grpc-retry-pushback-ms", "-1"])).toBeNull();
  expect(wantedPause([])).toBe(0);
});

test("grpc-timeout has a unit", () => {
  expect(["1S", "20m", "2M", "1H", "5000u", "x", "1", "123456789m", null].map(grpcTimeout)).toEqual([
    1000, 20, 120_000, 3_600_000, 5, 0, 0, 0, 0,
  ]);
});
