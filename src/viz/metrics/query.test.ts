import { expect, test } from "bun:test";
import { readStatQuery, writeStatRequest } from "./query.ts";

test("a request survives the way through URL parameters", () => {
  const request = {
    resource: { kind: "deployment", namespace: "n", name: null },
    to: { kind: "service", namespace: "m", name: "voting" },
    window: 60_000,
    selector: "app in (a,b)",
    unmeshed: true,
  } as const;
  const query = readStatQuery(new URLSearchParams(writeStatRequest(request).toString()));
  expect(query).toMatchObject({ resource: request.resource, to: request.to, window: 60_000, unmeshed: true });
  expect(query.selects?.({ app: "b" })).toBe(true);
  expect(query.selects?.({ app: "c" })).toBe(false);
});

test("malformed parameters are named", () => {
  const read = (text: string) => () => readStatQuery(new URLSearchParams(text));
  expect(read("")).toThrow('"kind" is missing');
  expect(read("kind=gizmo")).toThrow('unknown value "gizmo"');
  expect(read("kind=pod&window=1000")).toThrow('"window" is 1000');
  expect(read("kind=pod&window=abc")).toThrow('"window" is abc');
  expect(read("kind=pod&to-kind=pod&from-kind=pod")).toThrow("either to or from");
  expect(read("kind=pod&selector==")).toThrow("invalid part");
});
