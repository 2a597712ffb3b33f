import { expect, test } from "bun:test";
import { workerCount } from "./count.ts";

test.each([
  [1, null, null, 8, 1],
  [2, null, null, 8, 2],
  [1, 4, null, 8, 4],
  [1, 4, null, 2, 2],
  [1, null, 0.5, 8, 4],
  [1, 2, 0.5, 8, 2],
  [1, null, 0.1, 8, 1],
  [3, 2, null, 8, 3],
  [1, 64, null, 64, 16],
])("At least %p, at most %p or the share %p of %p cores: %p workers", (min, max, maxRatio, available, count) => {
  expect(workerCount({ min, max, maxRatio }, available)).toBe(count);
});
