/** The policy services: what proxies accept on their ports, and how they send traffic. */
import type { DrainSignal } from "#lib/drain.ts";
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Cell } from "#lib/metrics/cell.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import { formatSocketAddr } from "#lib/net-addr.ts";
import { socketAddr } from "#rpc/address.ts";
import { InboundServerPolicies, ServerSchema, type PortSpec } from "#rpc/gen/inbound_pb.ts";
import { OutboundPolicies, OutboundPolicySchema, type TrafficSpec } from "#rpc/gen/outbound_pb.ts";
import { encodeMessage } from "#rpc/message.ts";
import { type CallContext, implement, type ServiceRoutes } from "#rpc/service.ts";
import type { StreamWriter } from "#rpc/stream-writer.ts";
import { type Authority, parseAuthority } from "../destination/authority.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Lease } from "../index/derivations.ts";
import type { InboundPolicy } from "../policy/inbound-policy.ts";
import { type InboundSettings, watchInbound } from "../policy/inbound.ts";
import { type OutboundPolicy, type OutboundSettings, watchOutbound } from "../policy/outbound.ts";
import { clientPlace, parseClientContext } from "./client-context.ts";
import { serverMessage } from "./inbound-message.ts";
import { outboundMessage } from "./outbound-message.ts";
import { follow } from "./subscription.ts";

export interface PolicyServiceOptions {
  readonly index: ClusterIndex;
  readonly inbound: InboundSettings;
  readonly outbound: OutboundSettings;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
  readonly drain: DrainSignal;
}

/** How long a pod may take to show up here after its proxy asks, ms; proxies wait 3 s for a first message. */
const podGrace = 2000;

export function policyServices(options: PolicyServiceOptions): ServiceRoutes[] {
  return [inboundService(options), outboundService(options)];
}

/** Cells of one of the two services. */
interface StreamCells {
  readonly subscribers: Cell;
  readonly updates: Cell;
  readonly overflow: Cell;
}

function streamCells(registry: Registry, api: "inbound" | "outbound"): StreamCells {
  return {
    subscribers: registry.gauge("policy_subscribers", "Streams that follow a policy").cell({ api }),
    updates: registry.counter("policy_updates", "Policies that were sent").cell({ api }),
    overflow: registry
      .counter(
        "policy_updates_queue_overflow",
        "Policy streams that were ended because too many updates waited for their client",
      )
      .cell({ api }),
  };
}

function inboundService({ index, inbound, registry, clock, log, drain }: PolicyServiceOptions): ServiceRoutes {
  const cells = streamCells(registry, "inbound");
  const watch = (spec: PortSpec): { lease: Lease<InboundPolicy | null>; missing: MeshError } => {
    const { namespace, pod, externalWorkload = "" } = parseClientContext(spec.workload);
    const { port } = spec;
    if (namespace === "" || (pod === "" && externalWorkload === "")) {
      throw new MeshError(
        "invalid-argument",
        `Workload "${spec.workload}" names no namespace and pod or ExternalWorkload`,
      );
    }
    if (port < 1 || port > 65535) throw new MeshError("invalid-argument", `Port ${port} is not from 1 to 65535`);
    const named = externalWorkload === "" ? `Pod "${pod}"` : `ExternalWorkload "${externalWorkload}"`;
    const missing = new MeshError("not-found", `${named} in namespace "${namespace}" is not known`);
    return { lease: watchInbound(index, inbound, { namespace, pod, externalWorkload, port }), missing };
  };
  return implement(InboundServerPolicies, {
    getPort(spec) {
      const { lease, missing } = watch(spec);
      const policy = lease.value.get();
      lease.release();
      if (policy === null) throw missing;
      return serverMessage(policy);
    },
    watchPort(spec, context, writer) {
      const { lease, missing } = watch(spec);
      let known = false;
      const send = (policy: InboundPolicy | null): boolean => {
        if (policy === null) {
          if (known) throw missing;
          return true;
        }
        known = true;
        cells.updates.value++;
        return writer.sendFrame(encodeMessage(ServerSchema, serverMessage(policy)));
      };
      // The pod's proxy may be faster than the news of the pod.
      const wait = clock.after(podGrace, () => {
        if (!known) fail(missing);
      });
      const fail = follow(lease, send, {
        ...streamOptions(context, writer, drain, cells, log),
        onStop: () => {
          wait.cancel();
          cells.subscribers.value--;
        },
      });
    },
  });
}

function outboundService({ index, outbound, registry, log, drain }: PolicyServiceOptions): ServiceRoutes {
  const cells = streamCells(registry, "outbound");
  const watch = (spec: TrafficSpec): { lease: Lease<OutboundPolicy>; zone: string; missing: MeshError } => {
    const target = targetOf(spec, outbound.clusterDomain);
    const client = parseClientContext(spec.sourceWorkload);
    const { zone } = clientPlace(index, client);
    const name = target.kind === "ip" ? formatSocketAddr(target) : `${target.host}:${target.port}`;
    const missing = new MeshError("not-found", `Nothing is known of "${name}"`);
    return { lease: watchOutbound(index, outbound, target, client.namespace), zone, missing };
  };
  return implement(OutboundPolicies, {
    get(spec) {
      const { lease, zone, missing } = watch(spec);
      const message = outboundMessage(lease.value.get(), zone);
      lease.release();
      if (message === null) throw missing;
      return message;
    },
    watch(spec, context, writer) {
      const { lease, zone, missing } = watch(spec);
      const send = (policy: OutboundPolicy): boolean => {
        const message = outboundMessage(policy, zone);
        if (message === null) throw missing;
        cells.updates.value++;
        return writer.sendFrame(encodeMessage(OutboundPolicySchema, message));
      };
      follow(lease, send, streamOptions(context, writer, drain, cells, log));
    },
  });
}

function streamOptions(
  context: CallContext,
  writer: Pick<StreamWriter, "ended" | "open" | "end">,
  drain: DrainSignal,
  cells: StreamCells,
  log: Log,
) {
  return {
    context,
    writer,
    drain,
    onStart: () => void cells.subscribers.value++,
    onStop: () => void cells.subscribers.value--,
    onOverflow: () => {
      cells.overflow.value++;
      log.warn("Ended a policy stream that did not keep up", { client: context.remote.ip });
    },
  };
}

function targetOf(spec: TrafficSpec, clusterDomain: string): Authority {
  switch (spec.target.case) {
    case "addr": {
      const addr = socketAddr(spec.target.value);
      if (addr === null) throw new MeshError("invalid-argument", "The target's address is not valid");
      return { kind: "ip", ip: addr.ip, port: addr.port };
    }
    case "authority":
      return parseAuthority(spec.target.value, clusterDomain);
    default:
      throw new MeshError("invalid-argument", "The request names no target");
  }
}
