import { describe, expect, test } from "bun:test";
import { seededRandom } from "#lib/random.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { draw, type Fault } from "./fault.ts";

const plain = parseRequestHead("GET / HTTP/1.1\r\nhost: web\r\n");
const tester = parseRequestHead("GET / HTTP/1.1\r\nhost: web\r\nx-test: chaos\r\n");
const fault = (more: Partial<Fault>): Fault => ({ headers: [], ratio: 1, delay: 0, rate: 0, end: null, ...more });
const abort = { kind: "abort", status: 503, grpc: 14, message: "" } as const;

describe("faults", () => {
  test("come for their share of the requests", () => {
    const random = seededRandom(3);
    let count = 0;
    for (let i = 0; i < 10_000; i++) if (draw([fault({ ratio: 0.1, end: abort })], plain, random) !== null) count++;
    expect(count).toBeWithin(900, 1100);
    expect(draw([fault({ ratio: 0, end: abort })], plain, random)).toBeNull();
  });

  test("come only for requests with their headers", () => {
    const gated = fault({ headers: [{ name: "x-test", value: { kind: "exact", value: "chaos" } }], end: abort });
    expect(draw([gated], plain, seededRandom(1))).toBeNull();
    expect(draw([gated], tester, seededRandom(1))?.end).toEqual(abort);
  });

  test("add up in their order to the first that ends the request", () => {
    const list = [
      fault({ delay: 100, rate: 5000 }),
      fault({ delay: 50, rate: 1000 }),
      fault({ rate: 2000 }),
      fault({ delay: 10, end: { kind: "reset" } }),
      fault({ delay: 1000, end: abort }),
    ];
    expect(draw(list.slice(0, 3), plain, seededRandom(1))).toEqual({
      kinds: ["delay", "throttle"],
      delay: 150,
      rate: 1000,
      end: null,
    });
    expect(draw(list, plain, seededRandom(1))).toEqual({
      kinds: ["delay", "reset"],
      delay: 160,
      rate: 0,
      end: { kind: "reset" },
    });
  });

  test("delay no request for more than an hour", () => {
    const day = fault({ delay: 86_400_000 });
    expect(draw([day, day], plain, seededRandom(1))?.delay).toBe(3_600_000);
  });
});
