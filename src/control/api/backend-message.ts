/** Places to send traffic to, as messages of the proxy API. */
import { create } from "#rpc/protobuf/create.ts";
import { duration, tcpAddress } from "#rpc/address.ts";
import { WeightedAddrSchema } from "#rpc/gen/destination_pb.ts";
import type { Metadata } from "#rpc/gen/meta_pb.ts";
import {
  Backend_BalanceP2c_HashPolicy_SourceSchema,
  Backend_BalanceP2c_HashPolicySchema,
  Backend_BalanceP2c_LocalitySchema,
  Backend_BalanceP2c_PeakEwmaSchema,
  Backend_BalanceP2c_PenaltyPeakEwmaSchema,
  Backend_BalanceP2cSchema,
  Backend_EndpointDiscovery_DestinationGetSchema,
  Backend_EndpointDiscoverySchema,
  BackendSchema,
  QueueSchema,
  type Backend,
  type Backend_BalanceP2c,
  type Backend_BalanceP2c_HashPolicy,
  type Queue,
} from "#rpc/gen/outbound_pb.ts";
import type { HashKey } from "../policy/outbound/annotation-values.ts";
import type { Balancing } from "../policy/outbound/traffic-annotations.ts";

/** Requests that wait for an endpoint, and how long until they fail at once, ms. */
const queueCapacity = 100;
const failfast = 3000;
/** Of the balancer's latency average, ms. */
const defaultRtt = 30;
const decay = 10_000;

export function queue(): Queue {
  return create(QueueSchema, { capacity: queueCapacity, failfastTimeout: duration(failfast) });
}

/** Balances over the endpoints of a name. */
export function balancer(path: string, metadata: Metadata, how: Balancing | null = null): Backend {
  const dst = create(Backend_EndpointDiscovery_DestinationGetSchema, { path });
  const value = create(Backend_BalanceP2cSchema, {
    discovery: create(Backend_EndpointDiscoverySchema, { kind: { case: "dst", value: dst } }),
    load: load(how?.bias ?? null),
  });
  if (how !== null) {
    if (how.hash !== null) value.hash = hashPolicy(how.hash);
    if (how.slowStart > 0) value.slowStart = duration(how.slowStart);
    if (how.zone !== null) value.locality = create(Backend_BalanceP2c_LocalitySchema, { minReadyPercent: how.zone });
  }
  return create(BackendSchema, { metadata, kind: { case: "balancer", value }, queue: queue() });
}

function load(bias: Balancing["bias"]): Backend_BalanceP2c["load"] {
  const usual = { defaultRtt: duration(defaultRtt), decay: duration(decay) };
  if (bias === null) return { case: "peakEwma", value: create(Backend_BalanceP2c_PeakEwmaSchema, usual) };
  const { penalty, maxRetryAfter } = bias;
  const value = create(Backend_BalanceP2c_PenaltyPeakEwmaSchema, {
    ...usual,
    penalty: duration(penalty),
    maxRetryAfter: duration(maxRetryAfter),
    penaltyDecay: duration(decay),
  });
  return { case: "penaltyPeakEwma", value };
}

function hashPolicy(hash: HashKey): Backend_BalanceP2c_HashPolicy {
  const kind =
    hash.kind === "source"
      ? ({ case: "source", value: create(Backend_BalanceP2c_HashPolicy_SourceSchema) } as const)
      : ({ case: hash.kind, value: hash.name } as const);
  return create(Backend_BalanceP2c_HashPolicySchema, { kind });
}

/** One address, and no other. Null when it is none. */
export function forwardTo(ip: string, port: number, metadata: Metadata): Backend | null {
  const addr = tcpAddress({ ip, port });
  if (addr === null) return null;
  const value = create(WeightedAddrSchema, { addr, weight: 1 });
  return create(BackendSchema, { metadata, kind: { case: "forward", value }, queue: queue() });
}
