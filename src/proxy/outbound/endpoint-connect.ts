/** How an endpoint is reached: plaintext, by mutual TLS, or by mutual TLS to its proxy's port with a transport header. */
import { MeshError } from "#lib/errors.ts";
import type { ConnectHandler, PendingConnect } from "#lib/net/socket.ts";
import {
  encodeTransportHeader,
  transportProtocol,
  type TransportHeader,
} from "#wire/transport-header/transport-header.ts";
import { HttpPool } from "../http/pool.ts";
import type { OutboundShared } from "./options.ts";
import type { Endpoint } from "./ports.ts";

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
  return encodeTransportHeader({ port: endpoint.addr.port, name: null, session });
}

const nothingPending: PendingConnect = { cancel() {} };

/** Starts one attempt. It may fail before this returns. */
export function connectEndpoint(shared: OutboundShared, endpoint: Endpoint, handler: ConnectHandler): PendingConnect {
  const { options } = shared;
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

/** The endpoint's HTTP/1 connections; made at its first request. */
export function endpointPool(shared: OutboundShared, endpoint: Endpoint): HttpPool {
  if (endpoint.connections instanceof HttpPool) return endpoint.connections;
  const { options } = shared;
  const pool = new HttpPool(
    {
      dial: (handler) => connectEndpoint(shared, endpoint, handler),
      prologue: prologue(shared, endpoint, "http1"),
      cells: endpoint.transport,
      idleTimeout: options.poolIdleTimeout,
      maxIdle: options.maxIdlePerEndpoint,
      onConnected: () => endpoint.connected(),
      onConnectFailed: (error) => endpoint.connectFailed(error),
      onEmpty() {},
    },
    shared.http,
  );
  endpoint.connections = pool;
  return pool;
}
