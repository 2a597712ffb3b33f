/** What a Destination.Get stream adds up to. */
import type { Labels } from "#lib/metrics/registry.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import { formatSocketAddr } from "#lib/net-addr.ts";
import { socketAddr } from "#rpc/address.ts";
import type { TlsIdentity, Update, WeightedAddr } from "#rpc/gen/destination_pb.ts";
import type { EndpointInfo } from "../balance/endpoint.ts";
import type { EndpointTls } from "../outbound/ports.ts";

/** Endpoints of one destination at most; a set beyond it is cut and the rest gets no traffic from us. */
const maxEndpoints = 100_000;

export interface TranslateOptions {
  /** Without an identity of our own nobody's can be used. */
  readonly identityEnabled: boolean;
}

/** The endpoint that a message describes, or null when it has no usable address. `setLabels`: of the whole set. */
export function endpointInfo(message: WeightedAddr, setLabels: Labels, options: TranslateOptions): EndpointInfo | null {
  const addr = socketAddr(message.addr);
  if (addr === null) return null;
  const transportPort = message.protocolHint?.opaqueTransport?.inboundPort ?? 0;
  const tls = options.identityEnabled ? endpointTls(message.tlsIdentity) : null;
  const authority = message.authorityOverride?.authorityOverride ?? "";
  return {
    addr,
    tls,
    transportPort: transportPort > 0 && transportPort < 65536 ? transportPort : null,
    authorityOverride: authority === "" ? null : authority,
    ...(message.protocolHint?.protocol.case === "h2" ? { http2: true } : {}),
    ...(message.tlsRequiredBy === "" || tls !== null ? {} : { refusal: plaintextRefusal(addr, message.tlsRequiredBy) }),
    weight: message.weight,
    labels: { ...setLabels, ...message.metricLabels },
  };
}

function plaintextRefusal(addr: SocketAddr, requiredBy: string): string {
  return `Connect: "${formatSocketAddr(addr)}" has no mesh identity, and MeshTLSRequirement "${requiredBy}" asks for one`;
}

function endpointTls(message: TlsIdentity | undefined): EndpointTls | null {
  const serverName = message?.serverName?.name ?? "";
  switch (message?.strategy.case) {
    case "dnsLikeIdentity": {
      const { name } = message.strategy.value;
      return name === "" ? null : { identity: name, serverName: serverName === "" ? name : serverName };
    }
    case "uriLikeIdentity": {
      const { uri } = message.strategy.value;
      // A URI can't be sent as server name, so both are needed.
      return uri === "" || serverName === "" ? null : { identity: uri, serverName };
    }
    default:
      return null;
  }
}

export class EndpointSet {
  private endpoints = new Map<string, EndpointInfo>();
  private readonly options: TranslateOptions;

  constructor(options: TranslateOptions) {
    this.options = options;
  }

  /** Applies one step. `first`: of a new stream, which starts from nothing. */
  apply(update: Update, first: boolean): void {
    if (first) this.endpoints = new Map();
    switch (update.update.case) {
      case "add": {
        const { addrs, metricLabels } = update.update.value;
        for (const addr of addrs) {
          const info = endpointInfo(addr, metricLabels, this.options);
          if (info !== null && this.endpoints.size < maxEndpoints)
            this.endpoints.set(formatSocketAddr(info.addr), info);
        }
        return;
      }
      case "remove":
        for (const addr of update.update.value.addrs) {
          const removed = socketAddr(addr);
          if (removed !== null) this.endpoints.delete(formatSocketAddr(removed));
        }
        return;
      case "noEndpoints":
        this.endpoints.clear();
        return;
      default:
    }
  }

  infos(): Iterable<EndpointInfo> {
    return this.endpoints.values();
  }

  get size(): number {
    return this.endpoints.size;
  }
}
