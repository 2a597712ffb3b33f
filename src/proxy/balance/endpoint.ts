/** One address of a destination: its load, and whether it can be used now. */
import { Backoff, type BackoffOptions } from "#lib/backoff.ts";
import type { Clock, Timer } from "#lib/clock.ts";
import type { MeshError } from "#lib/errors.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import type { Random } from "#lib/random.ts";
import type { TransportCells } from "../http/ports.ts";
import type { Endpoint, EndpointConnections, EndpointTls, Outcome } from "../outbound/ports.ts";
import { Accrual, type AccrualOptions } from "./accrual.ts";
import { PeakEwma } from "./ewma.ts";

/** What discovery says about an address. */
export interface EndpointInfo {
  readonly addr: SocketAddr;
  readonly tls: EndpointTls | null;
  readonly transportPort: number | null;
  readonly authorityOverride: string | null;
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
  /** Null: requests that fail don't take it out of use. */
  readonly accrual: AccrualOptions | null;
}

export class BalancedEndpoint implements Endpoint {
  readonly addr: SocketAddr;
  readonly tls: EndpointTls | null;
  readonly transportPort: number | null;
  readonly authorityOverride: string | null;
  readonly takesHttp2: boolean;
  readonly transport: TransportCells;
  readonly info: EndpointInfo;
  connections: EndpointConnections | null = null;
  /** Requests and TCP connections on their way. */
  inFlight = 0;
  /** For whoever keeps something per endpoint and wants it back without a search. */
  slotOwner: object | null = null;
  slot: unknown = null;

  private state: State = "ready";
  private readonly load: PeakEwma;
  private readonly perWeight: number;
  private readonly clock: Clock;
  private readonly backoff: Backoff;
  private readonly accrual: Accrual | null;
  private readonly penalty: Backoff | null;
  private broken = false;
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
    this.transport = transport;
    this.clock = context.clock;
    this.load = new PeakEwma(context.clock.now());
    this.perWeight = defaultWeight / Math.max(1, info.weight);
    this.backoff = new Backoff(context.connectBackoff, context.random);
    this.accrual = context.accrual === null ? null : new Accrual(context.accrual);
    this.penalty = context.accrual === null ? null : new Backoff(context.accrual.backoff, context.random);
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
    return this.load.at(now) * (this.inFlight + 1) * this.perWeight;
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

  judged(outcome: Outcome): void {
    const { accrual } = this;
    if (accrual === null) return;
    const failed = outcome === "failure" || (outcome === "limited" && accrual.countsLimited);
    if (!this.broken) {
      if (accrual.judge(failed, this.clock.now())) this.break();
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
    this.become("ready");
  }

  private break(): void {
    this.broken = true;
    this.pauseFor(this.penalty?.next() ?? 0);
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
