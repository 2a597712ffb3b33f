import { expect, test } from "bun:test";
import type { TapRow } from "#viz/web/view.ts";
import { addRows, countRows, keptKinds, keptRows, type TopRow } from "./tap.ts";

function row(key: string, values: Partial<TapRow> = {}): TapRow {
  const end = (name: string) => ({ namespace: "n", kind: "deployment", name });
  return {
    ...{ key, direction: "in", from: end("web"), to: end("api"), method: "GET", authority: "api", path: "/books?x=1" },
    ...{ secured: true, peerId: null, route: "", status: 200, latency: 2 },
    end: { duration: 4, bytes: 10, grpcStatus: null, reset: null },
    ...values,
  };
}

test("new requests come first, and one that ends stays where it is", () => {
  const began = addRows([row("a")], [row("b", { end: null })]);
  const ended = addRows(began, [row("c"), row("b")]);
  expect(ended.map(({ key, end }) => [key, end?.duration])).toEqual([
    ["c", 4],
    ["b", 4],
    ["a", 4],
  ]);
});

test("a page keeps a bounded number of requests and of kinds", () => {
  const many = Array.from({ length: 2000 }, (_, index) => row(`${index}`, { path: `/${index}` }));
  expect(addRows([], many)).toHaveLength(keptRows);
  const kinds = new Map<string, TopRow>();
  countRows(kinds, many);
  expect(kinds.size).toBe(keptKinds);
});

test("requests of one kind are counted together, whatever their query, and failures are told apart", () => {
  const kinds = new Map<string, TopRow>();
  countRows(kinds, [
    row("a"),
    row("b", { path: "/books?x=2", status: 503, end: { duration: 9, bytes: 0, grpcStatus: null, reset: null } }),
    row("c", { end: { duration: 1, bytes: 0, grpcStatus: 13, reset: null } }),
    row("d", { end: null }),
  ]);
  expect(
    [...kinds.values()].map(({ path, count, succeeded, best, worst, last }) => [
      path,
      count,
      succeeded,
      best,
      worst,
      last,
    ]),
  ).toEqual([["/books", 3, 1, 1, 9, 1]]);
});
