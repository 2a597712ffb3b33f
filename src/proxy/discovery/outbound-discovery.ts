/**
 * Knows what is behind an original destination: asks for its profile and its policy at the same time, decides when both
 * have answered or when time is up, and keeps following both for as long as the destination is in use.
 */
import type { Clock, Timer } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { Family } from "#lib/metrics/registry.ts";
import { containsIp, formatSocketAddr, parseIp, type Cidr } from "#lib/net-addr.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import type { Random } from "#lib/random.ts";
import type { DestinationProfile } from "#rpc/gen/destination_pb.ts";
import type { OutboundPolicy } from "#rpc/gen/outbound_pb.ts";
import type { Discovery, OutboundTarget } from "../outbound/ports.ts";
import type { DetectMetrics } from "../telemetry/detect-metrics.ts";
import type { RouteMetrics } from "../telemetry/route-metrics.ts";
import { targetLabels } from "../telemetry/labels.ts";
import type { Backends } from "./backends.ts";
import { onlyKnown, outboundPlan, type PlanOptions } from "./outbound-plan.ts";
import { LiveTarget } from "./outbound-target.ts";
import type { HttpMetrics } from "../telemetry/http-metrics.ts";
import type { TransportMetrics } from "../telemetry/transport-metrics.ts";
import { WatchStream, type OpenStream, type StreamEnd, type WatchStreamOptions } from "./watch-stream.ts";

export interface OutboundDiscoveryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly backends: Backends;
  readonly transport: TransportMetrics;
  readonly http: HttpMetrics;
  readonly detect: DetectMetrics;
  readonly routes: RouteMetrics;
  /** `outbound_tcp_protocol_connections_total` */
  readonly protocols: Family;
  readonly plan: PlanOptions;
  /** Which addresses have profiles; empty means all. */
  readonly profileNetworks: readonly Cidr[];
  /** ms after which a connection goes on without an answer. */
  readonly profileTimeout: number;
  /** How long a destination is kept after its last use, ms. */
  readonly idleTimeout: number;
  /** Opens Destination.GetProfile for "ip:port". */
  readonly getProfile: (path: string) => OpenStream<DestinationProfile>;
  /** Opens OutboundPolicies.Watch for an address, or a name in its place; null without a policy service. */
  readonly watchPolicy: ((addr: SocketAddr) => OpenStream<OutboundPolicy>) | null;
  readonly stream: Omit<WatchStreamOptions, "what">;
  /**
   * Destinations known at a time: one more takes the place of the one that has been unused for longest, and is refused
   * when all are in use. It is never reached without asking, which would be in plaintext. Default 10,000.
   */
  readonly maxDestinations?: number;
}

const defaultMaxDestinations = 10_000;
/** How often refusals for lack of room are logged at most, ms. */
const warnInterval = 10_000;
/** How long a control plane that does not serve outbound policies is not asked for them, ms. */
const unservedPause = 60_000;

const unimplemented = 12;

type Answer<T> = { readonly state: "waiting" } | { readonly state: "known"; readonly value: T | null };

class Destination {
  readonly target: LiveTarget;
  /** Connections that wait for the decision; null once it was made. */
  waiting: Set<(target: OutboundTarget) => void> | null = new Set();
  idle: Timer | null = null;
  private profile: Answer<DestinationProfile> = { state: "waiting" };
  private policy: Answer<OutboundPolicy> = { state: "waiting" };
  private readonly streams: Array<{ close(): void }> = [];
  private readonly deadline: Timer;
  private readonly options: OutboundDiscoveryOptions;

  constructor(
    addr: SocketAddr,
    options: OutboundDiscoveryOptions,
    asks: { readonly profile: boolean; readonly policy: boolean },
    handlers: { onHolders(held: boolean): void; onPolicyUnserved(): void },
  ) {
    this.options = options;
    const labels = { direction: "outbound", ...targetLabels(addr) };
    this.target = new LiveTarget(addr, {
      clock: options.clock,
      random: options.random,
      backends: options.backends,
      detect: options.detect,
      routes: options.routes,
      protocols: options.protocols,
      source: options.transport.cells({ ...labels, peer: "src", tls: "no_identity", no_tls_reason: "loopback" }),
      unrouted: options.http.cells({ direction: "outbound" }),
      onHolders: handlers.onHolders,
    });
    const name = formatSocketAddr(addr);
    this.deadline = options.clock.after(options.profileTimeout, () => {
      options.log.debug("Destination is not known in time, going to the address itself", { destination: name });
      this.decide();
    });
    if (asks.profile) {
      this.follow(`profile of ${name}`, options.getProfile(name), (value) => {
        this.profile = { state: "known", value };
      });
    } else this.profile = { state: "known", value: null };
    if (asks.policy && options.watchPolicy !== null) {
      this.follow(`policy of ${name}`, options.watchPolicy(addr), (value, end) => {
        this.policy = { state: "known", value };
        if (end?.code === unimplemented) handlers.onPolicyUnserved();
      });
    } else this.policy = { state: "known", value: null };
    this.changed();
  }

  close(): void {
    this.deadline.cancel();
    this.idle?.cancel();
    for (const stream of this.streams) stream.close();
    this.target.close();
  }

  private follow<M>(what: string, open: OpenStream<M>, set: (value: M | null, end: StreamEnd | null) => void): void {
    const handlers = {
      onMessage: (message: M) => {
        set(message, null);
        this.changed();
      },
      onRefused: (end: StreamEnd) => {
        set(null, end);
        this.changed();
      },
    };
    this.streams.push(new WatchStream(open, handlers, { ...this.options.stream, what }));
  }

  /** Something was answered. */
  private changed(): void {
    if (this.profile.state === "known" && this.policy.state === "known") this.decide();
    // Late answers change a destination that is in use already.
    else if (this.waiting === null) this.apply();
  }

  private decide(): void {
    this.deadline.cancel();
    this.apply();
    const { waiting } = this;
    this.waiting = null;
    for (const onFound of waiting ?? []) onFound(this.target);
  }

  private apply(): void {
    const profile = this.profile.state === "known" ? this.profile.value : null;
    const policy = this.policy.state === "known" ? this.policy.value : null;
    const { addr } = this.target;
    const plan = outboundPlan(addr, profile, policy, this.options.plan);
    this.target.update(parseIp(addr.ip) === null ? onlyKnown(plan, addr) : plan);
  }
}

export class OutboundDiscovery implements Discovery {
  private readonly options: OutboundDiscoveryOptions;
  private readonly destinations = new Map<string, Destination>();
  /** Keys of those that nobody uses, the longest unused first. */
  private readonly unused = new Set<string>();
  private policyUnservedUntil = 0;
  /** What connections get when there is no room for their destination. */
  private refusing: LiveTarget | null = null;
  private warnedAt = Number.NEGATIVE_INFINITY;

  constructor(options: OutboundDiscoveryOptions) {
    this.options = options;
  }

  lookup(addr: SocketAddr, onFound: (target: OutboundTarget) => void): () => void {
    const key = formatSocketAddr(addr);
    const destination = this.destinations.get(key) ?? this.open(key, addr);
    if (destination === null) {
      onFound(this.refuse(key));
      return () => {};
    }
    const { waiting } = destination;
    if (waiting === null) {
      onFound(destination.target);
      return () => {};
    }
    // A function of its own, so that the same callback can wait twice.
    const entry = (target: OutboundTarget): void => onFound(target);
    waiting.add(entry);
    return () => {
      waiting.delete(entry);
    };
  }

  get size(): number {
    return this.destinations.size;
  }

  close(): void {
    for (const key of [...this.destinations.keys()]) this.drop(key);
  }

  /** Null: there is no room. */
  private open(key: string, addr: SocketAddr): Destination | null {
    const { options } = this;
    if (this.destinations.size >= (options.maxDestinations ?? defaultMaxDestinations)) {
      const [oldest] = this.unused;
      if (oldest === undefined) return null;
      this.drop(oldest);
    }
    const asks = {
      profile: this.hasProfile(addr),
      policy: options.clock.now() >= this.policyUnservedUntil,
    };
    const destination = new Destination(addr, options, asks, {
      onHolders: (held) => this.holders(key, held),
      onPolicyUnserved: () => {
        this.policyUnservedUntil = options.clock.now() + unservedPause;
      },
    });
    this.destinations.set(key, destination);
    this.holders(key, false);
    return destination;
  }

  private refuse(key: string): LiveTarget {
    const { clock, log, transport, http } = this.options;
    if (clock.now() - this.warnedAt >= warnInterval) {
      this.warnedAt = clock.now();
      log.warn("Too many destinations are in use, a connection to one more is refused", { destination: key });
    }
    this.refusing ??= new LiveTarget(
      { ip: "0.0.0.0", port: 0 },
      {
        ...this.options,
        // Without the address: however many are refused, there is one series.
        source: transport.cells({ direction: "outbound", peer: "src", tls: "no_identity", no_tls_reason: "loopback" }),
        unrouted: http.cells({ direction: "outbound" }),
        onHolders() {},
      },
    );
    this.refusing.protocol = "shed";
    return this.refusing;
  }

  private hasProfile(addr: SocketAddr): boolean {
    const { profileNetworks } = this.options;
    if (profileNetworks.length === 0) return true;
    const ip = parseIp(addr.ip);
    // A name has no network.
    return ip === null || profileNetworks.some((network) => containsIp(network, ip));
  }

  private holders(key: string, held: boolean): void {
    const destination = this.destinations.get(key);
    if (destination === undefined) return;
    destination.idle?.cancel();
    this.unused.delete(key);
    // One whose connections still wait for the decision is about to be used.
    if (!held && destination.waiting === null) this.unused.add(key);
    destination.idle = held ? null : this.options.clock.after(this.options.idleTimeout, () => this.expire(key));
  }

  private expire(key: string): void {
    // Whoever still waits for the decision is about to use it.
    if (this.destinations.get(key)?.waiting === null) this.drop(key);
    else this.holders(key, false);
  }

  private drop(key: string): void {
    this.destinations.get(key)?.close();
    this.destinations.delete(key);
    this.unused.delete(key);
  }
}
