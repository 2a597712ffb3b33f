import { expect, test } from "bun:test";
import { quantile } from "./quantile.ts";

const buckets = new Map([
  [1, 50],
  [2, 90],
  [5, 100],
  [Number.POSITIVE_INFINITY, 100],
]);

test("quantile() interpolates inside the bucket that holds the rank", () => {
  expect(quantile(buckets, 0.5)).toBe(1);
  expect(quantile(buckets, 0.7)).toBe(1.5);
  expect(quantile(buckets, 0.95)).toBeCloseTo(3.5, 10);
});

test("quantile() of no observations is null", () => {
  expect(quantile(new Map([[1, 0]]), 0.5)).toBeNull();
  expect(quantile(new Map(), 0.5)).toBeNull();
});

test("quantile() in the last, unbounded bucket is that bucket's lower bound", () => {
  expect(
    quantile(
      new Map([
        [10, 1],
        [Number.POSITIVE_INFINITY, 100],
      ]),
      0.99,
    ),
  ).toBe(10);
});
