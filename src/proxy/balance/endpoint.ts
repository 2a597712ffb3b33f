/** One address of a destination: its load, and whether it can be used now. */
import { Backoff, type BackoffOptions } from "#lib/backoff.ts";
import type { Clock, Timer } from "#lib/clock.ts";
import type { MeshError } from "#lib/errors.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import type { Random } from "#lib/random.ts";
import type { TransportCells } from "../http/ports.ts";
import type { Endpoint, EndpointConnections, EndpointTls, Outcome } from "../outbound/ports.ts";
import { Accrual } from "./accrual.ts";
import { hashOf } from "./affinity.ts";
import type { Balancing, Bias } from "./balancing.ts";
import { BiasedEwma, PeakEwma } from "./ewma.ts";

/** What discovery says about an address. */
export interface EndpointInfo {
  readonly addr: SocketAddr;
  readonly tls: EndpointTls | null;
  readonly transportPort: number | null;
  readonly authorityOverride: string | null;
  /** Why nothing may be sent there; absent: it may. */
  readonly refusal?: string;
  /** protocol_hint h2; default: no. */
  readonly http2?: boolean;
  /** Relative; 10,000 is usual. */
  readonly weight: number;
  /** Destination metric labels, without the dst_ prefix. */
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * - ready: anyone may use it.
 * - backoff: the last connection attempt failed; nobody may, until the backoff is over.
 * - probe: the backoff is over; exactly one request may try.
 * - probing: that request is under way; a connection or an answer makes the endpoint ready. When its failures were what
 *   took it out of use (`broken`), only a success does.
 */
type State = "ready" | "backoff" | "probe" | "probing";

/** The usual weight. */
export const defaultWeight = 10_000;

export interface EndpointContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly connectBackoff: BackoffOptions;
  readonly balancing: Balancing;
  /** Whether one more may be taken out of use because its requests fail. */
  readonly mayEject: () => boolean;
}

/** Where a share begins to grow: 0 would leave nothing to learn from. */
const firstShare = 0.1;
/** Whatever a server asks for, it is tried again after this time, ms. */
const maxPause = 300_000;

export class BalancedEndpoint implements Endpoint {
  readonly addr: SocketAddr;
  readonly tls: EndpointTls | null;
  readonly transportPort: number | null;
  readonly authorityOverride: string | null;
  readonly takesHttp2: boolean;
  readonly refusal: string | null;
  readonly transport: TransportCells;
  readonly info: EndpointInfo;
  connections: EndpointConnections | null = null;
  /** Requests and TCP connections on their way. */
  inFlight = 0;
  /** For whoever keeps something per endpoint and wants it back without a search. */
  slotOwner: object | null = null;
  slot: unknown = null;
  /** In relation to the usual weight. */
  readonly weighed: number;
  /** For requests that belong together. */
  readonly seed: number;
  /** Whether its answers' heads say something that {@link hinted} wants to know. */
  readonly wantsHints: boolean;
  /** Its share of the requests grows from then on; a clock time. */
  warmFrom = Number.NEGATIVE_INFINITY;

  private state: State = "ready";
  private readonly load: PeakEwma;
  private readonly perWeight: number;
  private readonly clock: Clock;
  private readonly backoff: Backoff;
  private readonly accrual: Accrual | null;
  private readonly penalty: Backoff | null;
  private readonly slowStart: number;
  private readonly bias: Bias | null;
  private readonly mayEject: () => boolean;
  /** What the last answer asked for, ms. */
  private wanted = 0;
  /** Its failures are what took it out of use. */
  broken = false;
  /** In flight when the probe began. */
  private othersThanProbe = 0;
  private timer: Timer | null = null;
  private readonly onState: (endpoint: BalancedEndpoint) => void;

  /** `onState` is called whenever `usable` may have changed. */
  constructor(
    info: EndpointInfo,
    transport: TransportCells,
    context: EndpointContext,
    onState: (endpoint: BalancedEndpoint) => void,
  ) {
    this.info = info;
    this.addr = info.addr;
    this.tls = info.tls;
    this.transportPort = info.transportPort;
    this.authorityOverride = info.authorityOverride;
    this.takesHttp2 = info.http2 === true && info.tls !== null;
    this.refusal = info.refusal ?? null;
    this.transport = transport;
    this.clock = context.clock;
    const { accrual, bias, rtt, decay, slowStart } = context.balancing;
    const now = context.clock.now();
    this.load = bias === null ? new PeakEwma(now, rtt, decay) : new BiasedEwma(now, rtt, decay, bias.decay);
    this.weighed = Math.max(1, info.weight) / defaultWeight;
    this.perWeight = 1 / this.weighed;
    this.seed = hashOf(`${info.addr.ip}:${info.addr.port}`);
    this.backoff = new Backoff(context.connectBackoff, context.random);
    this.accrual = accrual === null ? null : new Accrual(accrual);
    this.penalty = accrual === null ? null : new Backoff(accrual.backoff, context.random);
    this.bias = bias;
    this.wantsHints = bias !== null || (accrual?.honorRetryAfter ?? false);
    this.slowStart = slowStart;
    this.mayEject = context.mayEject;
    this.onState = onState;
  }

  /** Whether one more request may go there now. */
  get usable(): boolean {
    return this.state === "ready" || this.state === "probe";
  }

  /** Whether a connection could be made, or none has failed. */
  get ready(): boolean {
    return this.state === "ready";
  }

  /** What P2C compares: expected wait, in ms times requests. */
  cost(now: number): number {
    return this.load.at(now) * (this.inFlight * this.perWeight + 1);
  }

  /** Of what it would get otherwise, 0–1. */
  share(now: number): number {
    const age = now - this.warmFrom;
    return age >= this.slowStart ? 1 : Math.max(firstShare, age / this.slowStart);
  }

  started(): void {
    const others = this.inFlight++;
    if (this.state !== "probe") return;
    this.othersThanProbe = others;
    this.become("probing");
  }

  responded(rtt: number, _status: number): void {
    this.load.add(rtt, this.clock.now());
    // The probe may have gone by a connection that was kept: its answer is the proof then.
    if (this.state === "probing") this.connected();
  }

  /** Before `judged`. `discouraging`: it fails, or asks for fewer requests; `wanted`: the pause that it asks for, ms, or 0. */
  hinted(discouraging: boolean, wanted: number): void {
    this.wanted = discouraging ? wanted : 0;
    const { bias, load } = this;
    if (bias === null || !discouraging || !(load instanceof BiasedEwma)) return;
    const penalty = Math.min(Math.max(bias.penalty, wanted), Math.max(bias.penalty, bias.maxRetryAfter));
    load.penalize(penalty, this.clock.now());
  }

  judged(outcome: Outcome): void {
    const { accrual } = this;
    if (accrual === null) return;
    const failed = outcome === "failure" || (outcome === "limited" && accrual.countsLimited);
    if (!this.broken) {
      if (accrual.judge(failed, this.clock.now()) && this.mayEject()) this.break();
      return;
    }
    // What was on its way before says nothing about now.
    if (this.state !== "probing") return;
    if (failed) {
      this.break();
      return;
    }
    this.broken = false;
    accrual.reset();
    this.penalty?.reset();
    this.warmFrom = this.clock.now();
    this.become("ready");
  }

  private break(): void {
    this.broken = true;
    const pause = this.penalty?.next() ?? 0;
    const wanted = this.accrual?.honorsRetryAfter === true ? Math.min(this.wanted, maxPause) : 0;
    this.pauseFor(Math.max(pause, wanted));
  }

  ended(_failed: boolean): void {
    this.inFlight--;
    // The probe went away without an outcome (its client left): the next request tries again. It may have been one of the
    // others, which live for long: then there are two probes.
    if (this.state === "probing" && this.inFlight <= this.othersThanProbe) this.become("probe");
  }

  connected(): void {
    this.backoff.reset();
    if (this.broken) return;
    this.timer?.cancel();
    this.timer = null;
    if (this.state !== "ready") this.become("ready");
  }

  connectFailed(_error: MeshError): void {
    // Nothing was attempted, and waiting changes nothing: everybody is to hear why at once.
    if (this.refusal !== null) return;
    // Attempts that were started together fail together: they count once.
    if (this.state === "backoff") return;
    this.pauseFor(this.backoff.next());
  }

  private pauseFor(delay: number): void {
    this.timer?.cancel();
    this.timer = this.clock.after(delay, () => {
      this.timer = null;
      this.become("probe");
    });
    this.become("backoff");
  }

  /** The destination no longer has it. What is in flight finishes. */
  retire(): void {
    this.timer?.cancel();
    this.timer = null;
    this.connections?.retire();
  }

  private become(state: State): void {
    this.state = state;
    this.onState(this);
  }
}
