/** The calls that the proxy makes to the control plane, in the form in which the rest of it asks. */
import { create } from "#rpc/protobuf/create.ts";
import type { DescMessage, DescMethodServerStreaming, MessageInitShape, MessageShape } from "#rpc/protobuf/types.ts";
import type { Clock } from "#lib/clock.ts";
import { asMeshError } from "#lib/errors.ts";
import type { Family, Registry } from "#lib/metrics/registry.ts";
import { formatSocketAddr } from "#lib/net-addr.ts";
import type { ClientTls } from "#lib/net/tls.ts";
import type { Resolver } from "#lib/net/resolve.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import type { Random } from "#lib/random.ts";
import { tcpAddress } from "#rpc/address.ts";
import { RpcClient } from "#rpc/client.ts";
import { Destination, type DestinationProfile, type Update } from "#rpc/gen/destination_pb.ts";
import { Identity } from "#rpc/gen/identity_pb.ts";
import { InboundServerPolicies, type Server } from "#rpc/gen/inbound_pb.ts";
import { OutboundPolicies, TrafficSpecSchema, type OutboundPolicy } from "#rpc/gen/outbound_pb.ts";
import type { Certify } from "../identity/credentials.ts";
import { latencyBuckets } from "../telemetry/http-metrics.ts";
import { ControlConnection } from "./control-connection.ts";
import type { OpenStream } from "./watch-stream.ts";

/** One of the control plane's services and how to reach it. */
export interface ServiceOptions {
  /** Scope of its metrics. */
  readonly name: "identity" | "destination" | "policy";
  readonly host: string;
  readonly port: number;
  /** See {@link ControlConnection}. */
  readonly tls: () => ClientTls | "plaintext" | null;
}

export interface ClientOptions {
  readonly resolver: Pick<Resolver, "resolve">;
  readonly clock: Clock;
  readonly random: Random;
  readonly registry: Registry;
  /** Of one address, ms. */
  readonly connectTimeout: number;
  /** See {@link ControlConnection}. */
  readonly mark?: number;
}

/** The resolver, with what it is asked counted. */
export function countedResolver(resolver: Resolver, registry: Registry): Pick<Resolver, "resolve"> {
  const family = registry.counter("control_dns_resolutions_total", "Look-ups of the control plane's names");
  return {
    resolve(host, port) {
      return resolver.resolve(host, port).then(
        (resolution) => {
          family.cell({ addr: `${host}:${port}`, result: "success" }).value++;
          return resolution;
        },
        (thrown: unknown) => {
          family.cell({ addr: `${host}:${port}`, result: "failure" }).value++;
          throw thrown;
        },
      );
    },
  };
}

/** gRPC's UNKNOWN. */
const unknownStatus = 2;

/** Streams and calls that may wait for a connection: one for each destination, policy and port at most. */
const maxWaiting = 50_000;

export function createControlClient(service: ServiceOptions, options: ClientOptions): RpcClient {
  const { resolver, clock, random, connectTimeout: timeout } = options;
  const mark = options.mark === undefined ? {} : { mark: options.mark };
  const connection = new ControlConnection({ ...service, resolver, clock, random, timeout, ...mark });
  const client = new RpcClient({
    connect: connection.connect,
    authority: `${service.host.replace(/\.$/, "")}:${service.port}`,
    clock,
    maxWaiting,
    // The streams hold the connection; between two certificates it may as well rest.
    idleTimeout: 60_000,
  });
  registerBalancer(options.registry, service, connection, client);
  return client;
}

/** The part of `control_…_balancer_*` that a client with one connection at a time has. */
function registerBalancer(
  registry: Registry,
  { name, host, port }: ServiceOptions,
  connection: ControlConnection,
  client: RpcClient,
): void {
  const addr = `${host}:${port}`;
  const gauge = (what: string, help: string): Family => registry.gauge(`control_${name}_balancer_${what}`, help);
  const endpoints = gauge("endpoints", "The number of endpoints currently in a balancer");
  const known = gauge("p2c_endpoints", "The number of endpoints currently in the balancer").cell({ addr });
  const waiting = gauge("queue_length", "The current count of requests waiting in the queue").cell({ addr });
  const ready = endpoints.cell({ addr, endpoint_state: "ready" });
  const pending = endpoints.cell({ addr, endpoint_state: "pending" });
  registry.onCollect(() => {
    known.value = connection.addressCount;
    ready.value = client.connected ? 1 : 0;
    pending.value = Math.max(0, known.value - ready.value);
    waiting.value = client.waitingCalls;
  });
}

/** Counts the calls to the control plane. */
export class ControlMetrics {
  private readonly requests;
  private readonly responses;
  private readonly latencies;
  private readonly clock: Clock;

  constructor(registry: Registry, clock: Clock) {
    this.clock = clock;
    this.latencies = registry.histogram(
      "control_response_latency_ms",
      "Elapsed times between a request's headers being received and its response stream completing",
      latencyBuckets,
    );
    this.requests = registry.counter("control_request_total", "Total count of HTTP requests to the control plane");
    this.responses = registry.counter("control_response_total", "Total count of HTTP responses of the control plane");
  }

  /** Call the result with the status that it ended with, once. */
  started(addr: string): (grpcStatus: number) => void {
    const startedAt = this.clock.now();
    this.requests.cell({ addr }).value++;
    return (grpcStatus) => {
      const classification = grpcStatus === 0 ? "success" : "failure";
      this.responses.cell({ addr, classification, grpc_status: String(grpcStatus) }).value++;
      this.latencies.cell({ addr }).observe(this.clock.now() - startedAt);
    };
  }
}

/** Knows how to ask destination and policy for streams. */
export class ControlStreams {
  private readonly metrics: ControlMetrics;
  private readonly destination: { readonly client: RpcClient; readonly addr: string };
  private readonly policy: { readonly client: RpcClient; readonly addr: string } | null;
  private readonly context: string;
  private readonly workload: string;

  constructor(options: {
    readonly metrics: ControlMetrics;
    readonly destination: { readonly client: RpcClient; readonly addr: string };
    readonly policy: { readonly client: RpcClient; readonly addr: string } | null;
    /** Sent as they are: they tell the control plane who asks. */
    readonly context: string;
    readonly workload: string;
  }) {
    this.metrics = options.metrics;
    this.destination = options.destination;
    this.policy = options.policy;
    this.context = options.context;
    this.workload = options.workload;
  }

  /** The endpoints of "host:port". */
  readonly get = (path: string): OpenStream<Update> =>
    this.stream(this.destination, Destination.method.get, { scheme: "k8s", path, contextToken: this.context });

  /** What is behind "ip:port". */
  readonly getProfile = (path: string): OpenStream<DestinationProfile> =>
    this.stream(this.destination, Destination.method.getProfile, { scheme: "k8s", path, contextToken: this.context });

  /** The policy of one of our ports, or null without a policy service. */
  get watchPort(): ((port: number) => OpenStream<Server>) | null {
    const { policy, workload } = this;
    if (policy === null) return null;
    return (port) => this.stream(policy, InboundServerPolicies.method.watchPort, { workload, port });
  }

  /** The policy of traffic to an address, or null without a policy service. */
  get watchOutbound(): ((addr: SocketAddr) => OpenStream<OutboundPolicy>) | null {
    const { policy, workload } = this;
    if (policy === null) return null;
    return (addr) => {
      const value = tcpAddress(addr);
      const target =
        value === null
          ? ({ case: "authority", value: formatSocketAddr(addr) } as const)
          : ({ case: "addr", value } as const);
      const spec = create(TrafficSpecSchema, { sourceWorkload: workload, target });
      return this.stream(policy, OutboundPolicies.method.watch, spec);
    };
  }

  private stream<I extends DescMessage, O extends DescMessage>(
    service: { readonly client: RpcClient; readonly addr: string },
    method: DescMethodServerStreaming<I, O>,
    message: MessageInitShape<I>,
  ): OpenStream<MessageShape<O>> {
    return (handlers) => {
      const ended = this.metrics.started(service.addr);
      return service.client.serverStream(method, message, {
        onMessage: (received) => handlers.onMessage(received),
        onEnd: (status) => {
          ended(status.code);
          handlers.onEnd(status);
        },
      });
    };
  }
}

/** Asks the identity service at `addr` for a certificate. */
export function certifyBy(client: RpcClient, addr: string, metrics: ControlMetrics): Certify {
  return async (request, timeout) => {
    const ended = metrics.started(addr);
    const message = {
      identity: request.identity,
      token: request.token,
      certificateSigningRequest: request.csr,
    };
    const response = await client.unary(Identity.method.certify, message, { timeout }).catch((thrown: unknown) => {
      const { grpcCode } = asMeshError(thrown, "Asking for a certificate").details;
      ended(typeof grpcCode === "number" ? grpcCode : unknownStatus);
      throw thrown;
    });
    ended(0);
    const { validUntil } = response;
    return {
      leaf: response.leafCertificate,
      intermediates: response.intermediateCertificates,
      validUntil: validUntil === undefined ? null : Number(validUntil.seconds) * 1000 + validUntil.nanos / 1e6,
    };
  };
}
