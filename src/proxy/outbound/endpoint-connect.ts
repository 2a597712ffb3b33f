/** How an endpoint is reached: plaintext, by mutual TLS, or by mutual TLS to its proxy's port with a transport header. */
import { MeshError } from "#lib/errors.ts";
import { parseIp } from "#lib/net-addr.ts";
import type { ConnectHandler, PendingConnect } from "#lib/net/socket.ts";
import {
  encodeTransportHeader,
  transportProtocol,
  type TransportHeader,
} from "#wire/transport-header/transport-header.ts";
import type { UpstreamPool } from "../http/exchange.ts";
import { Http2Pool } from "../http/h2/pool.ts";
import { HttpPool, type PoolOptions } from "../http/pool.ts";
import type { OutboundShared } from "./options.ts";
import type { Endpoint, EndpointConnections } from "./ports.ts";

/** Whether connections go to the peer's proxy port and start with a header. */
function usesHeader({ options }: OutboundShared, endpoint: Endpoint): boolean {
  return options.credentials !== null && endpoint.tls !== null && endpoint.transportPort !== null;
}

/** The bytes that open a connection to the endpoint, or null. */
export function prologue(
  shared: OutboundShared,
  endpoint: Endpoint,
  session: TransportHeader["session"],
): Buffer | null {
  if (!usesHeader(shared, endpoint)) return null;
  const { port, name } = destinationOf(endpoint);
  return encodeTransportHeader({ port, name, session });
}

/** What the peer's proxy should do with it: an authority that replaces ours makes it a gateway, which goes by name. */
function destinationOf({ addr, authorityOverride }: Endpoint): { readonly port: number; readonly name: string | null } {
  const named = /^([A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(authorityOverride ?? "");
  if (named === null || parseIp(named[1] ?? "") !== null) return { port: addr.port, name: null };
  return { port: Number(named[2] ?? addr.port), name: named[1] ?? null };
}

const nothingPending: PendingConnect = { cancel() {} };

/** Starts one attempt. It may fail before this returns. */
export function connectEndpoint(shared: OutboundShared, endpoint: Endpoint, handler: ConnectHandler): PendingConnect {
  const { options } = shared;
  const { refusal = null } = endpoint;
  if (refusal !== null) {
    handler.onFail(new MeshError("tls-identity", refusal));
    return nothingPending;
  }
  const header = usesHeader(shared, endpoint);
  const target = {
    ip: endpoint.addr.ip,
    port: header && endpoint.transportPort !== null ? endpoint.transportPort : endpoint.addr.port,
    timeout: options.connectTimeout,
    clock: options.clock,
    ...(options.connectKeepAlive > 0 ? { keepAlive: options.connectKeepAlive } : {}),
    ...(options.connectUserTimeout > 0 ? { userTimeout: options.connectUserTimeout } : {}),
  };
  if (endpoint.tls === null || options.credentials === null) return options.connect(target, handler);
  const tls = options.credentials.client(endpoint.tls, header ? [transportProtocol] : []);
  if (tls === null) {
    handler.onFail(new MeshError("unavailable", "Connect: there is no valid certificate to prove our identity with"));
    return nothingPending;
  }
  if (!header) return options.connect({ ...target, tls }, handler);
  return options.connect(
    { ...target, tls },
    {
      onOpen(socket) {
        if (socket.tls?.alpn === transportProtocol) {
          handler.onOpen(socket);
          return;
        }
        socket.terminate();
        handler.onFail(new MeshError("protocol", `Connect: "${target.ip}:${target.port}" takes no transport header`));
      },
      onFail: (error) => handler.onFail(error),
    },
  );
}

/** What a request is sent by. */
export type HttpVersion = "http1" | "http2";

/** The endpoint's connections for requests, made when one is first needed. */
class EndpointPools implements EndpointConnections {
  private readonly shared: OutboundShared;
  private readonly endpoint: Endpoint;
  private http1: HttpPool | null = null;
  private http2: Http2Pool | null = null;

  constructor(shared: OutboundShared, endpoint: Endpoint) {
    this.shared = shared;
    this.endpoint = endpoint;
  }

  of(version: HttpVersion): UpstreamPool {
    if (version === "http1") return (this.http1 ??= new HttpPool(this.options("http1"), this.shared.http));
    // Proxies of the mesh take pings; what an application takes of them differs.
    const pings = this.endpoint.tls !== null && this.shared.options.credentials !== null;
    return (this.http2 ??= new Http2Pool({ ...this.options("http2"), pings }, this.shared.http));
  }

  retire(): void {
    this.http1?.retire();
    this.http2?.retire();
  }

  private options(version: HttpVersion): PoolOptions {
    const { shared, endpoint } = this;
    return {
      dial: (handler) => connectEndpoint(shared, endpoint, handler),
      prologue: prologue(shared, endpoint, version),
      cells: endpoint.transport,
      idleTimeout: shared.options.poolIdleTimeout,
      maxIdle: shared.options.maxIdlePerEndpoint,
      onConnected: () => endpoint.connected(),
      onConnectFailed: (error) => endpoint.connectFailed(error),
      onEmpty() {},
    };
  }
}

/** The endpoint's connections for requests of a version. Called per request. */
export function endpointPool(shared: OutboundShared, endpoint: Endpoint, version: HttpVersion): UpstreamPool {
  let pools = endpoint.connections;
  if (!(pools instanceof EndpointPools)) {
    pools = new EndpointPools(shared, endpoint);
    endpoint.connections = pools;
  }
  return (pools as EndpointPools).of(version);
}
