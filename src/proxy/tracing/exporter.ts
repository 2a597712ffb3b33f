/** Hands spans to a collector in batches. Spans that find no place are dropped and counted: traffic never waits. */
import type { Clock } from "#lib/clock.ts";
import { asMeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Cell } from "#lib/metrics/cell.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import type { SpanSchema, ExportTraceServiceRequestSchema } from "#rpc/gen/otlp_trace_pb.ts";
import type { MessageInitShape } from "#rpc/protobuf/types.ts";

export type SpanInit = MessageInitShape<typeof SpanSchema>;
export type Export = (request: MessageInitShape<typeof ExportTraceServiceRequestSchema>) => Promise<unknown>;

export const exportLimits = {
  /** Spans that wait; more are dropped. */
  queue: 2048,
  /** Spans of one message. */
  batch: 512,
  /** How long spans are gathered, ms. */
  interval: 500,
  /** After a failure, ms. */
  pause: 5000,
} as const;

export class SpanExporter {
  private readonly send: Export;
  private readonly resource: ReadonlyArray<readonly [string, string]>;
  private readonly version: string;
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly exported: Cell;
  private readonly dropped: { readonly full: Cell; readonly failed: Cell };
  private waiting: SpanInit[] = [];
  private armed = false;
  private busy = false;
  private failing = false;

  constructor(options: {
    readonly send: Export;
    /** Attributes of this process. */
    readonly resource: ReadonlyArray<readonly [string, string]>;
    readonly version: string;
    readonly registry: Registry;
    readonly clock: Clock;
    readonly log: Log;
  }) {
    const { registry } = options;
    this.send = options.send;
    this.resource = options.resource;
    this.version = options.version;
    this.clock = options.clock;
    this.log = options.log;
    this.exported = registry.counter("opentelemetry_span_exports_total", "Spans that a collector has taken").cell();
    const dropped = registry.counter("opentelemetry_span_drops_total", "Spans that were lost");
    this.dropped = { full: dropped.cell({ reason: "queue full" }), failed: dropped.cell({ reason: "export failed" }) };
  }

  add(span: SpanInit): void {
    if (this.waiting.length >= exportLimits.queue) {
      this.dropped.full.value++;
      return;
    }
    this.waiting.push(span);
    if (this.waiting.length >= exportLimits.batch && !this.busy && !this.failing) this.flush();
    else this.arm(exportLimits.interval);
  }

  private arm(delay: number): void {
    if (this.armed || this.busy) return;
    this.armed = true;
    this.clock.after(delay, () => {
      this.armed = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.busy || this.waiting.length === 0) return;
    this.busy = true;
    const spans = this.waiting.splice(0, exportLimits.batch);
    const attributes = this.resource.map(([key, value]) => ({
      key,
      value: { value: { case: "stringValue" as const, value } },
    }));
    const scopeSpans = [{ scope: { name: "linkerd-proxy", version: this.version }, spans }];
    this.send({ resourceSpans: [{ resource: { attributes }, scopeSpans }] }).then(
      () => {
        this.exported.value += spans.length;
        if (this.failing) this.log.info("The collector takes spans again");
        this.failing = false;
        this.next(exportLimits.interval);
      },
      (thrown: unknown) => {
        // They are not sent again: the collector may have them.
        this.dropped.failed.value += spans.length;
        if (!this.failing) this.log.warn("Spans are lost", {}, asMeshError(thrown, "Sending spans"));
        this.failing = true;
        this.next(exportLimits.pause);
      },
    );
  }

  private next(delay: number): void {
    this.busy = false;
    if (this.waiting.length === 0) return;
    if (!this.failing && this.waiting.length >= exportLimits.batch) this.flush();
    else this.arm(delay);
  }
}
