/**
 * Spans of requests, for a collector: of those whose trace says that it is wanted, and, when told so, of a share of those
 * that come without a trace. Loaded only where a collector is configured.
 */
import type { Clock } from "#lib/clock.ts";
import { asMeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Labels, Registry } from "#lib/metrics/registry.ts";
import type { Resolver } from "#lib/net/resolve.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import type { ClientTls } from "#lib/net/tls.ts";
import type { Random } from "#lib/random.ts";
import { readSmallFile } from "#lib/small-files.ts";
import { version } from "#lib/version.ts";
import { RpcClient } from "#rpc/client.ts";
import { Span_SpanKind, Span_Status_StatusCode, TraceService } from "#rpc/gen/otlp_trace_pb.ts";
import { header, pathOnly, type RequestHead, type ResponseHead } from "#wire/http1/head.ts";
import { ControlConnection } from "../discovery/control-connection.ts";
import { changeRequest } from "../http/edit-head.ts";
import type { ExchangeEnd } from "../http/request-handler.ts";
import type { RequestSource, RequestWatch, RequestWatcher, RequestWatchers } from "../http/request-watch.ts";
import { readTraceContext, traceFields, type TraceContext } from "./context.ts";
import { SpanExporter } from "./exporter.ts";
import type { TracingConfig } from "./tracing-config.ts";

export interface TracingOptions {
  readonly watchers: RequestWatchers;
  readonly tls: () => ClientTls | "plaintext" | null;
  readonly resolver: Pick<Resolver, "resolve">;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Of one address, ms. */
  readonly connectTimeout: number;
  readonly mark?: number;
}

export type StartTracing = (config: TracingConfig, options: TracingOptions) => { close(): void };

/** Of one batch, ms. */
const exportTimeout = 10_000;
/** Characters of an attribute that a client chooses. */
const maxText = 1024;
const maxAttributes = 128;

export const startTracing: StartTracing = (config, options) => {
  const { collector, serviceName, startRatio } = config;
  const { clock, random, registry, log, watchers } = options;
  const timeout = options.connectTimeout;
  const connection = new ControlConnection({ ...collector.addr, ...options, timeout });
  const authority = `${collector.addr.host.replace(/\.$/, "")}:${collector.addr.port}`;
  const client = new RpcClient({ connect: connection.connect, authority, clock, idleTimeout: 60_000 });
  const exporter = new SpanExporter({
    send: (request) => client.unary(TraceService.method.export, request, { timeout: exportTimeout }),
    resource: [["service.name", serviceName], ...config.attributes, ...readAttributes(config, log)].slice(
      0,
      maxAttributes,
    ) as Array<[string, string]>,
    version,
    registry,
    clock,
    log,
  });
  const stop = watchers.add(new Tracer(exporter, startRatio, clock, random));
  return {
    close() {
      stop();
      client.close();
    },
  };
};

function readAttributes({ labelsFile, annotationsFile }: TracingConfig, log: Log): Array<[string, string]> {
  const annotations = readLines(annotationsFile, log).flatMap(([key, value]): Array<[string, string]> => {
    return key.startsWith(annotationPrefix) ? [[key.slice(annotationPrefix.length), value]] : [];
  });
  return [...readLines(labelsFile, log), ...annotations];
}

function readLines(file: string, log: Log): Array<[string, string]> {
  if (file === "") return [];
  try {
    return parseAttributes(Buffer.from(readSmallFile(file)).toString("utf8"));
  } catch (error) {
    log.warn("Attributes of spans can't be read", { file }, asMeshError(error, "Reading attributes"));
    return [];
  }
}

/** Annotations for telemetry begin so; what follows is the attribute's name. Others may hold anything. */
const annotationPrefix = "resource.opentelemetry.io/";

/** What the downward API writes (https://kubernetes.io/docs/concepts/workloads/pods/downward-api/). */
export function parseAttributes(text: string): Array<[string, string]> {
  return text.split("\n").flatMap((line): Array<[string, string]> => {
    const match = /^([^=]+)="(.*)"$/.exec(line.trim());
    if (match === null) return [];
    return [[match[1] ?? "", (match[2] ?? "").replaceAll(/\\(.)/g, "$1").slice(0, maxText)]];
  });
}

export class Tracer implements RequestWatcher {
  readonly exporter: SpanExporter;
  readonly clock: Clock;
  private readonly startRatio: number;
  private readonly random: Random;

  constructor(exporter: SpanExporter, startRatio: number, clock: Clock, random: Random) {
    this.exporter = exporter;
    this.startRatio = startRatio;
    this.clock = clock;
    this.random = random;
  }

  begin(head: RequestHead, source: RequestSource): RequestWatch | null {
    const context = readTraceContext(head.headers) ?? this.start(head);
    return context === null || !context.sampled ? null : new TracedExchange(this, head, source, context, this.hex(8));
  }

  /** A trace of its own. A sender that said "no" by B3's short form, which names no trace, is heard. */
  private start(head: RequestHead): TraceContext | null {
    if (this.startRatio === 0 || this.random.next() >= this.startRatio) return null;
    if (header(head.headers, "b3") === "0" || header(head.headers, "x-b3-sampled") === "0") return null;
    return { format: "w3c", traceId: this.hex(16), spanId: null, sampled: true, debug: false, state: "" };
  }

  /** Never all zero: that would be no id. */
  private hex(bytes: number): string {
    let out = "";
    for (let at = 0; at < bytes; at += 4)
      out += (Math.floor(this.random.next() * 0xffff_ffff) + 1).toString(16).padStart(8, "0").slice(-8);
    return out;
  }
}

/** One request with a span. */
class TracedExchange implements RequestWatch {
  readonly head: RequestHead;
  private readonly tracer: Tracer;
  private readonly source: RequestSource;
  private readonly context: TraceContext;
  private readonly spanId: string;
  /** ms since 1970, and of the clock. */
  private readonly wall: number;
  private readonly startedAt: number;
  private server: SocketAddr | null = null;
  private serverLabels: Labels = {};
  private bytes = 0;

  constructor(tracer: Tracer, head: RequestHead, source: RequestSource, context: TraceContext, spanId: string) {
    this.tracer = tracer;
    this.source = source;
    this.context = context;
    this.spanId = spanId;
    this.wall = tracer.clock.wall();
    this.startedAt = tracer.clock.now();
    const changes = { set: traceFields(context, spanId), add: [], remove: new Set<string>() };
    this.head = changeRequest(head, { headers: [changes], path: null, authority: null, known: new WeakMap() });
  }

  sending(addr: SocketAddr, labels: Labels, _route: Labels): void {
    this.server = addr;
    this.serverLabels = labels;
  }

  responded(_head: ResponseHead): void {}

  responseBody(bytes: number): void {
    this.bytes += bytes;
  }

  ended(status: number, end: ExchangeEnd, grpcStatus: number): void {
    const { tracer, context, source, head, wall } = this;
    const duration = tracer.clock.now() - this.startedAt;
    const failed = end !== "complete" || status === 0 || status >= 500 || (grpcStatus > 0 && grpcStatus !== 1);
    tracer.exporter.add({
      traceId: Buffer.from(context.traceId, "hex"),
      spanId: Buffer.from(this.spanId, "hex"),
      traceState: context.state.slice(0, maxText),
      ...(context.spanId === null ? {} : { parentSpanId: Buffer.from(context.spanId, "hex") }),
      name: spanName(head.path),
      kind: source.direction === "inbound" ? Span_SpanKind.SERVER : Span_SpanKind.CLIENT,
      startTimeUnixNano: nanoseconds(wall),
      endTimeUnixNano: nanoseconds(wall + duration),
      attributes: this.attributes(status, end, grpcStatus),
      ...(failed ? { status: { code: Span_Status_StatusCode.ERROR } } : {}),
    });
  }

  /** Names of https://opentelemetry.io/docs/specs/semconv/http/http-spans/. */
  private attributes(status: number, end: ExchangeEnd, grpcStatus: number): object[] {
    const { head, source, bytes } = this;
    const { client, target, direction, labels } = source;
    const server = this.server ?? target;
    const path = pathOnly(head.path);
    const texts: Array<readonly [string, string]> = [
      ["direction", direction],
      ["http.request.method", head.method],
      ["url.scheme", "http"],
      ["url.path", path],
      ["server.address", head.authority],
      ["network.peer.address", direction === "inbound" ? client.ip : server.ip],
      ["client.address", client.ip],
    ];
    if (path.length < head.path.length) texts.push(["url.query", head.path.slice(path.length + 1)]);
    const agent = header(head.headers, "user-agent");
    if (agent !== null) texts.push(["user_agent.original", agent]);
    if (labels["client_id"] !== undefined) texts.push(["client.id", labels["client_id"]]);
    if (this.serverLabels["server_id"] !== undefined) texts.push(["server.id", this.serverLabels["server_id"]]);
    if (end !== "complete") texts.push(["error.type", end === "client-gone" ? "cancelled" : "reset"]);
    const numbers: Array<readonly [string, number]> = [
      ["network.peer.port", direction === "inbound" ? client.port : server.port],
      ["http.response.body.size", bytes],
    ];
    if (status > 0) numbers.push(["http.response.status_code", status]);
    if (grpcStatus >= 0) numbers.push(["rpc.grpc.status_code", grpcStatus]);
    return [
      ...texts.map(([key, value]) => ({
        key,
        value: { value: { case: "stringValue", value: value.slice(0, maxText) } },
      })),
      ...numbers.map(([key, value]) => ({ key, value: { value: { case: "intValue", value: BigInt(value) } } })),
    ];
  }
}

/** The path, without what differs in each request: its query. */
function spanName(path: string): string {
  return pathOnly(path).slice(0, maxText);
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1000)) * 1000n;
}
