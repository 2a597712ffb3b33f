/** Places to send traffic to, as messages of the proxy API. */
import { create } from "#rpc/protobuf/create.ts";
import { duration, tcpAddress } from "#rpc/address.ts";
import { WeightedAddrSchema } from "#rpc/gen/destination_pb.ts";
import type { Metadata } from "#rpc/gen/meta_pb.ts";
import {
  Backend_BalanceP2c_PeakEwmaSchema,
  Backend_BalanceP2cSchema,
  Backend_EndpointDiscovery_DestinationGetSchema,
  Backend_EndpointDiscoverySchema,
  BackendSchema,
  QueueSchema,
  type Backend,
  type Queue,
} from "#rpc/gen/outbound_pb.ts";

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
export function balancer(path: string, metadata: Metadata): Backend {
  const dst = create(Backend_EndpointDiscovery_DestinationGetSchema, { path });
  const load = create(Backend_BalanceP2c_PeakEwmaSchema, { defaultRtt: duration(defaultRtt), decay: duration(decay) });
  const value = create(Backend_BalanceP2cSchema, {
    discovery: create(Backend_EndpointDiscoverySchema, { kind: { case: "dst", value: dst } }),
    load: { case: "peakEwma", value: load },
  });
  return create(BackendSchema, { metadata, kind: { case: "balancer", value }, queue: queue() });
}

/** One address, and no other. Null when it is none. */
export function forwardTo(ip: string, port: number, metadata: Metadata): Backend | null {
  const addr = tcpAddress({ ip, port });
  if (addr === null) return null;
  const value = create(WeightedAddrSchema, { addr, weight: 1 });
  return create(BackendSchema, { metadata, kind: { case: "forward", value }, queue: queue() });
}
