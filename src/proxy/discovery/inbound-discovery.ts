/**
 * The policies of our ports: asked for eagerly for the declared ones, on first use for others, and dropped when unused.
 * Until the control plane has answered, and for ever without one, the default policy counts.
 */
import type { Clock, Timer } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import { includesPort, type PortRange } from "#lib/port-list.ts";
import type { Server } from "#rpc/gen/inbound_pb.ts";
import type { InboundPolicies, PortPolicy } from "../inbound/ports.ts";
import { defaultPolicy, type DefaultPolicyOptions } from "../policy/default-policy.ts";
import type { PolicyMetrics } from "../policy/policy-metrics.ts";
import { LivePortPolicy } from "../policy/port-policy.ts";
import type { ServerPolicy } from "../policy/server-policy.ts";
import { serverPolicy } from "./server-policy-message.ts";
import { WatchStream, type OpenStream, type WatchStreamOptions } from "./watch-stream.ts";

export interface InboundDiscoveryOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: PolicyMetrics;
  readonly defaultPolicy: Omit<DefaultPolicyOptions, "protocol">;
  readonly opaquePorts: readonly PortRange[];
  readonly requireIdentityPorts: readonly PortRange[];
  readonly requireTlsPorts: readonly PortRange[];
  /** Watched for as long as the process lives. */
  readonly ports: readonly number[];
  /** How long the policy of another port is kept after its last use, ms. */
  readonly idleTimeout: number;
  /** Proxies that share a port's limits of requests, this one included; default 1. Each takes its part. */
  readonly workers?: number;
  /** Opens WatchPort; null without a policy service. */
  readonly watchPort: ((port: number) => OpenStream<Server>) | null;
  readonly stream: Omit<WatchStreamOptions, "what">;
}

/** Ports watched at a time beyond the declared ones. More would let anyone who dials port after port fill our memory. */
const maxUndeclared = 256;

interface Entry {
  readonly policy: LivePortPolicy;
  readonly stream: WatchStream<Server> | null;
  readonly declared: boolean;
  idle: Timer | null;
}

export class InboundDiscovery implements InboundPolicies {
  private readonly options: InboundDiscoveryOptions;
  private readonly entries = new Map<number, Entry>();
  private undeclared = 0;

  constructor(options: InboundDiscoveryOptions) {
    this.options = options;
    for (const port of options.ports) if (!this.entries.has(port)) this.open(port, true);
  }

  forPort(port: number): PortPolicy {
    const known = this.entries.get(port);
    if (known !== undefined) return known.policy;
    if (this.undeclared >= maxUndeclared) {
      this.options.log.warn("Too many undeclared ports are in use, refusing one more", { port });
      // Its real policy is unknown, so nobody may pass.
      return this.livePolicy(port, defaultPolicy({ ...this.defaultOptions(port), name: "deny" }), () => {});
    }
    return this.open(port, false).policy;
  }

  close(): void {
    for (const port of [...this.entries.keys()]) this.drop(port);
  }

  private open(port: number, declared: boolean): Entry {
    const { options } = this;
    const policy = this.livePolicy(port, defaultPolicy(this.defaultOptions(port)), (held) => this.holders(port, held));
    const stream =
      options.watchPort === null
        ? null
        : new WatchStream(
            options.watchPort(port),
            {
              onMessage: (message) =>
                policy.update(partOf(serverPolicy(message, options.defaultPolicy.detectTimeout), options.workers ?? 1)),
              // What was known stays; at the start that is the default policy.
              onRefused: (end) => {
                options.log.debug("No policy for this port", { port, code: end.code, reason: end.message });
              },
            },
            { ...options.stream, what: `policy of port ${port}` },
          );
    const entry: Entry = { policy, stream, declared, idle: null };
    this.entries.set(port, entry);
    if (!declared) {
      this.undeclared++;
      this.holders(port, false);
    }
    return entry;
  }

  private defaultOptions(port: number): DefaultPolicyOptions {
    const protocol = includesPort(this.options.opaquePorts, port) ? "opaque" : "detect";
    return { ...this.options.defaultPolicy, protocol };
  }

  private livePolicy(port: number, policy: ServerPolicy, onHolders: (held: boolean) => void): LivePortPolicy {
    const { clock, metrics, log, requireIdentityPorts, requireTlsPorts } = this.options;
    return new LivePortPolicy(policy, {
      port,
      clock,
      random: this.options.stream.random,
      metrics,
      log,
      requireIdentity: requireIdentityPorts,
      requireTls: requireTlsPorts,
      onHolders,
    });
  }

  private holders(port: number, held: boolean): void {
    const entry = this.entries.get(port);
    if (entry === undefined || entry.declared) return;
    entry.idle?.cancel();
    entry.idle = held ? null : this.options.clock.after(this.options.idleTimeout, () => this.drop(port));
  }

  private drop(port: number): void {
    const entry = this.entries.get(port);
    if (entry === undefined) return;
    this.entries.delete(port);
    if (!entry.declared) this.undeclared--;
    entry.idle?.cancel();
    entry.stream?.close();
  }
}

/** What one of several workers lets in: connections are dealt out evenly, so each takes its part of a limit. */
function partOf(policy: ServerPolicy, workers: number): ServerPolicy {
  const { rateLimit: limit } = policy;
  if (limit === null || workers === 1) return policy;
  const rateLimit = {
    origin: limit.origin,
    total: limit.total === null ? null : limit.total / workers,
    identity: limit.identity === null ? null : limit.identity / workers,
    overrides: limit.overrides.map((override) => ({ ...override, limit: override.limit / workers })),
  };
  return { ...policy, rateLimit };
}
