/**
 * Where in a trace a request stands: read from its header and written for the next one. Known are, in this order,
 * traceparent (https://www.w3.org/TR/trace-context/), grpc-trace-bin
 * (https://github.com/census-instrumentation/opencensus-specs/blob/master/encodings/BinaryEncoding.md) and B3 in one
 * or several fields (https://github.com/openzipkin/b3-propagation). Pure.
 */
import { header, type FlatHeaders } from "#wire/http1/head.ts";

export type TraceFormat = "w3c" | "grpc-trace-bin" | "b3" | "b3-multi";

export interface TraceContext {
  /** How it came, and goes on. */
  readonly format: TraceFormat;
  /** 32 hexadecimal digits, lower case, not all zero. */
  readonly traceId: string;
  /** 16 digits, of whoever sent the request; null: it is the first one. */
  readonly spanId: string | null;
  readonly sampled: boolean;
  /** Debug flag of B3: goes on as it is. */
  readonly debug: boolean;
  /** tracestate as it came; "" when there is none. It is not ours, so it passes. */
  readonly state: string;
}

const hex32 = /^[0-9a-f]{32}$/;
const hex16 = /^[0-9a-f]{16}$/;
const zero = /^0+$/;

/** Null: there is none, or it can't be read. What is malformed counts as absent. */
export function readTraceContext(headers: FlatHeaders): TraceContext | null {
  const parent = header(headers, "traceparent");
  if (parent !== null) {
    const read = readTraceparent(parent, header(headers, "tracestate") ?? "");
    if (read !== null) return read;
  }
  const binary = header(headers, "grpc-trace-bin");
  if (binary !== null) {
    const read = readBinary(binary);
    if (read !== null) return read;
  }
  const single = header(headers, "b3");
  if (single !== null) {
    const read = readB3(single);
    if (read !== null) return read;
  }
  const traceId = header(headers, "x-b3-traceid");
  return traceId === null ? null : readB3Fields(traceId, headers);
}

function readTraceparent(text: string, state: string): TraceContext | null {
  const [version, traceId, spanId, flags, ...more] = text.split("-");
  if (version === undefined || !/^[0-9a-f]{2}$/.test(version) || version === "ff") return null;
  if (version === "00" && more.length > 0) return null;
  if (flags === undefined || !/^[0-9a-f]{2}$/.test(flags)) return null;
  const sampled = (Number.parseInt(flags, 16) & 1) === 1;
  return made("w3c", traceId, spanId ?? null, sampled, false, state);
}

/** Version 0, then fields: 0 the trace (16 bytes), 1 the span (8), 2 the options (1). */
function readBinary(text: string): TraceContext | null {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length < 29 || bytes[0] !== 0 || bytes[1] !== 0 || bytes[18] !== 1 || bytes[27] !== 2) return null;
  const sampled = ((bytes[28] ?? 0) & 1) === 1;
  return made("grpc-trace-bin", bytes.toString("hex", 2, 18), bytes.toString("hex", 19, 27), sampled, false, "");
}

/** traceId-spanId[-sampled[-parent]]; "0" alone forbids sampling and names no trace. */
function readB3(text: string): TraceContext | null {
  const [traceId, spanId, decision] = text.toLowerCase().split("-");
  if (spanId === undefined) return null;
  return made("b3", traceId, spanId, decision === "1" || decision === "d", decision === "d", "");
}

function readB3Fields(traceId: string, headers: FlatHeaders): TraceContext | null {
  const sampled = header(headers, "x-b3-sampled");
  const debug = header(headers, "x-b3-flags") === "1";
  const spanId = header(headers, "x-b3-spanid");
  if (spanId === null) return null;
  return made(
    "b3-multi",
    traceId.toLowerCase(),
    spanId.toLowerCase(),
    debug || sampled === "1" || sampled === "true",
    debug,
    "",
  );
}

function made(
  format: TraceFormat,
  trace: string | undefined,
  spanId: string | null,
  sampled: boolean,
  debug: boolean,
  state: string,
): TraceContext | null {
  // B3 has traces of 64 bits too.
  const traceId =
    trace !== undefined && format.startsWith("b3") && trace.length === 16 ? trace.padStart(32, "0") : trace;
  if (traceId === undefined || !hex32.test(traceId) || zero.test(traceId)) return null;
  if (spanId === null || !hex16.test(spanId) || zero.test(spanId)) return null;
  return { format, traceId, spanId, sampled, debug, state };
}

/** Header fields that replace those of the context: name, value, … `spanId`: of the span that sends the request on. */
export function traceFields(context: TraceContext, spanId: string): string[] {
  const { format, traceId, debug } = context;
  switch (format) {
    case "w3c":
      return ["traceparent", `00-${traceId}-${spanId}-01`];
    case "grpc-trace-bin": {
      const bytes = Buffer.from(`0000${traceId}01${spanId}0201`, "hex");
      return ["grpc-trace-bin", bytes.toString("base64").replaceAll("=", "")];
    }
    case "b3":
      return ["b3", `${traceId}-${spanId}-${debug ? "d" : "1"}-${context.spanId ?? ""}`.replace(/-$/, "")];
    case "b3-multi": {
      const parent = context.spanId === null ? [] : ["x-b3-parentspanid", context.spanId];
      return ["x-b3-traceid", traceId, "x-b3-spanid", spanId, "x-b3-sampled", "1", ...parent];
    }
  }
}
