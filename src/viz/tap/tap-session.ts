/**
 * One client's look into many pods: a stream of each pod's proxy, merged. Pods that come and go are followed. What the client
 * is shown is bounded: requests above its rate and, while it reads too slowly, all new ones are left out as a whole and counted.
 */
import { Backoff } from "#lib/backoff.ts";
import type { Clock, Timer } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { Random } from "#lib/random.ts";
import type { ObserveRequestSchema, TapEvent as TapMessage } from "#rpc/gen/tap_pb.ts";
import type { MessageInitShape } from "#rpc/protobuf/types.ts";
import type { TapLabels, TapLine } from "../client/tap-event.ts";
import { defaultMaxRps, type TapRequest } from "../client/tap-request.ts";
import { eventOf } from "./event-of.ts";
import { matchOf } from "./match-of.ts";
import type { TapPod } from "./tap-pods.ts";

export const sessionLimits = {
  /** Pods at a time; of more the first by name are looked into. */
  pods: 100,
  /** Bytes that wait for the client; while so many do, requests that begin are left out. */
  queued: 256 * 1024,
  /** Bytes that may wait at all: of requests under way, which are told to their end. More ends the session. */
  mostQueued: 8 * 1024 * 1024,
  /** Requests of one pod under way. Its proxy shows no more either. */
  underWay: 1024,
} as const;

/** Requests that a proxy may show one observer: as many as there are. */
const unlimited = 0xffff_ffff;
/** ms between two lines about what was left out. */
const droppedEvery = 1000;
/** ms between lines that keep a silent connection alive. */
const heartbeat = 15_000;

export interface TapOutput {
  /** Bytes that wait. */
  readonly queued: number;
  write(line: string): void;
  /** Gives the client up. */
  fail(): void;
}

/** Opens a stream of a pod's proxy. The result ends it. */
export type OpenObserve = (
  pod: TapPod,
  request: MessageInitShape<typeof ObserveRequestSchema>,
  handler: { onOpen(): void; onMessage(message: TapMessage): void; onEnd(message: string): void },
) => () => void;

export interface TapSessionOptions {
  readonly request: TapRequest;
  readonly output: TapOutput;
  readonly open: OpenObserve;
  readonly labelsOf: (ip: string) => TapLabels;
  readonly tellsHeader: (name: string) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

interface PodStream {
  readonly pod: TapPod;
  readonly base: number;
  /** Requests that the client was shown and that are not over. */
  readonly shown: Set<bigint>;
  readonly backoff: Backoff;
  isOpen: boolean;
  failed: boolean;
  close: () => void;
}

export class TapSession {
  private readonly options: TapSessionOptions;
  private readonly streams = new Map<string, PodStream>();
  private readonly rate: number;
  private tokens: number;
  private tokensAt: number;
  private nextBase = 0;
  private readonly dropped = { rate: 0, slow: 0 };
  private toldDropped = 0;
  private told = "";
  /** Pods that the client wants to look into. */
  private matching = 0;
  private readonly timers: Timer[] = [];
  private ended = false;
  private tooMany = false;
  /** Requests that were shown. */
  count = 0;

  constructor(options: TapSessionOptions) {
    const { clock, request } = options;
    this.options = options;
    this.rate = request.maxRps ?? defaultMaxRps;
    this.tokens = Math.max(1, this.rate);
    this.tokensAt = clock.now();
    this.every(droppedEvery, () => this.tellDropped());
    this.every(heartbeat, () => this.options.output.write("\n"));
  }

  private every(ms: number, run: () => void): void {
    const at = this.timers.length;
    const again = (): void => {
      this.timers[at] = this.options.clock.after(ms, () => {
        run();
        if (!this.ended) again();
      });
    };
    again();
  }

  /** The pods that the client wants to look into now. */
  use(pods: readonly TapPod[]): void {
    if (this.ended) return;
    const wanted = pods.filter(({ tap }) => tap === "enabled").slice(0, sessionLimits.pods);
    this.matching = pods.length;
    const targets = new Set(wanted.map(placeOf));
    for (const [key, stream] of this.streams) {
      if (targets.has(key)) continue;
      this.streams.delete(key);
      stream.close();
    }
    for (const pod of wanted) if (!this.streams.has(placeOf(pod))) this.add(pod);
    if (!this.tooMany && pods.length > sessionLimits.pods) {
      this.tooMany = true;
      this.line({ note: `Of ${pods.length} pods the first ${sessionLimits.pods} are looked into` });
    }
    this.tell();
  }

  /** Says how many proxies answer, when that changed. */
  private tell(): void {
    const pods = this.matching;
    const proxies = [...this.streams.values()].filter(({ isOpen }) => isOpen).length;
    const text = `${proxies}/${pods}`;
    if (text === this.told || this.ended) return;
    this.told = text;
    this.line({ tapping: { proxies, pods } });
  }

  private add(pod: TapPod): void {
    const stream: PodStream = {
      pod,
      base: this.nextBase++,
      shown: new Set(),
      backoff: new Backoff({ min: 500, max: 10_000, jitter: 0.5 }, this.options.random),
      isOpen: false,
      failed: false,
      close: () => {},
    };
    this.streams.set(placeOf(pod), stream);
    this.open(stream);
  }

  private open(stream: PodStream): void {
    const { request, open, clock, log } = this.options;
    const match = matchOf(request);
    const observe = {
      limit: unlimited,
      ...(match === undefined ? {} : { match }),
      ...(request.headers === true
        ? {
            extract: {
              extract: { case: "http" as const, value: { extract: { case: "headers" as const, value: {} } } },
            },
          }
        : {}),
    };
    stream.close = open(stream.pod, observe, {
      onOpen: () => {
        stream.isOpen = true;
        stream.failed = false;
        stream.backoff.reset();
        this.tell();
      },
      onMessage: (message) => this.onMessage(stream, message),
      onEnd: (message) => {
        if (this.ended || this.streams.get(placeOf(stream.pod)) !== stream) return;
        stream.isOpen = false;
        stream.shown.clear();
        log.debug("A pod's tap ended", { pod: stream.pod.target, message });
        if (!stream.failed) this.line({ note: `Pod "${stream.pod.target}" can't be looked into: ${message}` });
        stream.failed = true;
        this.tell();
        const timer = clock.after(stream.backoff.next(), () => this.open(stream));
        stream.close = () => timer.cancel();
      },
    });
  }

  private onMessage(stream: PodStream, message: TapMessage): void {
    if (this.ended) return;
    const http = message.event.case === "http" ? message.event.value.event : null;
    if (http === null || http.case === undefined) return;
    const id = http.value.id?.stream ?? 0n;
    if (http.case === "requestInit") {
      if (!this.allow(stream)) return;
      stream.shown.add(id);
      this.count++;
    } else if (!stream.shown.has(id)) return;
    if (http.case === "responseEnd") stream.shown.delete(id);
    const { labelsOf, tellsHeader } = this.options;
    const event = eventOf(message, { base: stream.base, labelsOf, tellsHeader });
    if (event !== null) this.line({ event });
  }

  /** Whether one more request is shown. */
  private allow(stream: PodStream): boolean {
    if (this.options.output.queued >= sessionLimits.queued || stream.shown.size >= sessionLimits.underWay) {
      this.dropped.slow++;
      return false;
    }
    const now = this.options.clock.now();
    this.tokens = Math.min(Math.max(1, this.rate), this.tokens + ((now - this.tokensAt) / 1000) * this.rate);
    this.tokensAt = now;
    if (this.tokens < 1) {
      this.dropped.rate++;
      return false;
    }
    this.tokens--;
    return true;
  }

  private tellDropped(): void {
    const all = this.dropped.rate + this.dropped.slow;
    // To a client that is behind anyway it is told later.
    if (all === this.toldDropped || this.options.output.queued >= sessionLimits.queued) return;
    this.toldDropped = all;
    this.line({ dropped: { ...this.dropped } });
  }

  private line(line: TapLine): void {
    if (this.ended) return;
    const { output } = this.options;
    output.write(`${JSON.stringify(line)}\n`);
    if (output.queued > sessionLimits.mostQueued) {
      this.end();
      output.fail();
    }
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    for (const timer of this.timers) timer.cancel();
    for (const stream of this.streams.values()) stream.close();
    this.streams.clear();
  }
}

/** A pod that came back under its name and with another address is another one. */
function placeOf({ target, ip, port }: TapPod): string {
  return `${target} ${ip} ${port}`;
}
