import { expect, test } from "bun:test";
import { MeshError } from "./errors.ts";
import { createLog, memoryLog, parseLevelFilter, type LogSink } from "./log.ts";

function capture(filter: string, format: "plain" | "json"): { sink: LogSink; lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    sink: { filter: parseLevelFilter(filter), format, write: (line) => lines.push(line), wall: () => 0 },
  };
}

test("the longest target prefix decides, whole segments only", () => {
  const { sink, lines } = capture("warn,linkerd=info,linkerd::identity=debug", "plain");
  const log = createLog(sink);
  log.debug("hidden");
  log.child("identity").debug("shown");
  log.child("identities").debug("hidden");
  createLog(sink, "other").info("hidden");
  expect(lines).toEqual(["[1970-01-01T00:00:00.000Z] DEBUG linkerd::identity: shown"]);
});

test("fields are quoted where they need it and the error chain is told", () => {
  const { log, lines } = memoryLog();
  log.warn(
    "Could not connect",
    { addr: "10.0.0.1:80", note: 'a "b"', skipped: undefined },
    new MeshError("dns", "Outer", { cause: new Error("inner") }),
  );
  expect(lines[0]).toEndWith('WARN linkerd: Could not connect addr=10.0.0.1:80 note="a \\"b\\"" error="Outer: inner"');
});

test("JSON lines carry level, target and fields", () => {
  const { sink, lines } = capture("trace", "json");
  createLog(sink).info("Ready", { port: 4143 });
  expect(JSON.parse(lines[0] ?? "")).toEqual({
    timestamp: "1970-01-01T00:00:00.000Z",
    level: "INFO",
    fields: { message: "Ready", port: 4143 },
    target: "linkerd",
  });
});

test("a filter with an unknown level is reported, off silences", () => {
  const bad: string[] = [];
  const filter = parseLevelFilter("loud,linkerd=off", (part) => bad.push(part));
  expect(bad).toEqual(["loud"]);
  const { sink, lines } = capture("trace", "plain");
  sink.filter = filter;
  createLog(sink).error("hidden");
  expect(lines).toEqual([]);
});
