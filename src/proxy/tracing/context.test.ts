import { describe, expect, test } from "bun:test";
import { readTraceContext, traceFields } from "./context.ts";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const span = "00f067aa0ba902b7";
const next = "b7ad6b7169203331";

describe("The trace of a request", () => {
  test("comes by traceparent and goes on with our span, whatever else there is", () => {
    const context = readTraceContext([
      "x-b3-traceid",
      "0".repeat(31) + "1",
      "x-b3-spanid",
      span,
      "tracestate",
      "a=b",
      "traceparent",
      `00-${trace}-${span}-01`,
    ]);
    expect(context).toEqual({ format: "w3c", traceId: trace, spanId: span, sampled: true, debug: false, state: "a=b" });
    expect(traceFields(context!, next)).toEqual(["traceparent", `00-${trace}-${next}-01`]);
  });

  test("of a later version of traceparent may say more", () => {
    expect(readTraceContext(["traceparent", `01-${trace}-${span}-00-more`])?.sampled).toBe(false);
    expect(readTraceContext(["traceparent", `00-${trace}-${span}-01-more`])).toBeNull();
  });

  test("is none when its header is malformed or all zero, and the next form counts", () => {
    for (const bad of [
      "",
      "00",
      `ff-${trace}-${span}-01`,
      `00-${trace.toUpperCase()}-${span}-01`,
      `00-${"0".repeat(32)}-${span}-01`,
      `00-${trace}-${"0".repeat(16)}-01`,
      `00-${trace}-${span}-1`,
      `00-${trace.slice(1)}-${span}-01`,
    ]) {
      expect(readTraceContext(["traceparent", bad])).toBeNull();
      expect(readTraceContext(["traceparent", bad, "b3", `${trace}-${span}-1`])?.format).toBe("b3");
    }
  });

  test("comes by grpc-trace-bin and goes on in it", () => {
    const bytes = Buffer.from(`0000${trace}01${span}0201`, "hex").toString("base64");
    const context = readTraceContext(["grpc-trace-bin", bytes]);
    expect(context).toMatchObject({ format: "grpc-trace-bin", traceId: trace, spanId: span, sampled: true });
    const [name, value] = traceFields(context!, next);
    expect(readTraceContext([name!, value!])).toMatchObject({ traceId: trace, spanId: next, sampled: true });
    expect(readTraceContext(["grpc-trace-bin", "AAAA"])).toBeNull();
  });

  test("comes by B3 in one field, also with 64 bits, and is debugged when asked", () => {
    const short = readTraceContext(["b3", `${span}-${span}-d`]);
    expect(short).toMatchObject({ traceId: `${"0".repeat(16)}${span}`, sampled: true, debug: true });
    expect(traceFields(short!, next)).toEqual(["b3", `${"0".repeat(16)}${span}-${next}-d-${span}`]);
    expect(readTraceContext(["b3", `${trace}-${span}-0`])?.sampled).toBe(false);
    expect(readTraceContext(["b3", "0"])).toBeNull();
  });

  test("comes by B3 in several fields", () => {
    const context = readTraceContext(["x-b3-traceid", trace, "x-b3-spanid", span, "x-b3-sampled", "1"]);
    expect(context?.format).toBe("b3-multi");
    expect(traceFields(context!, next)).toEqual([
      ...["x-b3-traceid", trace, "x-b3-spanid", next, "x-b3-sampled", "1"],
      ...["x-b3-parentspanid", span],
    ]);
    expect(readTraceContext(["x-b3-traceid", trace, "x-b3-spanid", span])?.sampled).toBe(false);
    expect(readTraceContext(["x-b3-traceid", trace, "x-b3-spanid", span, "x-b3-flags", "1"])?.debug).toBe(true);
  });
});
