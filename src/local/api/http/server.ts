/**
 * HTTPS on an address of this process's network, and on a listening descriptor that was inherited.
 *
 * The runtime's HTTP server can't take over a descriptor, so bytes of connections accepted there are relayed to a listener
 * on loopback. TLS ends only at the HTTP server: the relay sees ciphertext.
 */
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { connect } from "#lib/net/connect.ts";
import { listen } from "#lib/net/listen.ts";
import type { Socket } from "#lib/net/socket.ts";
import { maxBody } from "./body.ts";
import type { Handler } from "./handler.ts";
import { relay } from "./relay.ts";
import type { SessionSocket, SocketSession } from "./socket-session.ts";

/** Bytes that may wait for a reader of a WebSocket before its source is paused; four times as many end it. */
const socketHighWater = 1024 * 1024;
/** Seconds without a byte after which an ordinary connection is closed. */
const idleSeconds = 120;

export interface ServerCredentials {
  readonly certPem: string;
  readonly keyPem: string;
}

/** A running listener. */
export interface ApiListener {
  readonly ip: string;
  readonly port: number;
  close(): void;
}

interface SocketData {
  readonly session: SocketSession;
}

export function serveHttps(
  handler: Handler,
  address: { readonly ip: string; readonly port: number },
  credentials: ServerCredentials,
): ApiListener {
  const server = Bun.serve<SocketData>({
    hostname: address.ip,
    port: address.port,
    tls: { cert: credentials.certPem, key: credentials.keyPem },
    maxRequestBodySize: maxBody,
    idleTimeout: idleSeconds,
    development: false,
    fetch(request, server) {
      const { searchParams, pathname } = new URL(request.url);
      // Watches and followed logs may be silent for as long as they like.
      const watches = searchParams.has("watch") || searchParams.has("follow") || pathname.includes("/watch/");
      if (watches) server.timeout(request, 0);
      return handler.handle(request, (protocol, session) =>
        server.upgrade(request, { headers: { "Sec-WebSocket-Protocol": protocol }, data: { session } }),
      );
    },
    websocket: {
      maxPayloadLength: maxBody,
      backpressureLimit: socketHighWater * 4,
      closeOnBackpressureLimit: true,
      idleTimeout: 960,
      sendPings: true,
      perMessageDeflate: false,
      open(socket) {
        socket.data.session.open(sessionSocket(socket));
      },
      message(socket, data) {
        socket.data.session.message(typeof data === "string" ? Buffer.from(data) : data);
      },
      drain(socket) {
        socket.data.session.drain();
      },
      close(socket) {
        socket.data.session.close();
      },
    },
  });
  const port = server.port;
  if (port === undefined) throw new MeshError("internal", "The API server has no port");
  return {
    ip: address.ip,
    port,
    close() {
      void server.stop(true);
    },
  };
}

function sessionSocket(socket: Bun.ServerWebSocket<SocketData>): SessionSocket {
  return {
    send(data) {
      // -1: taken, but the reader is behind; 0: the connection is gone.
      socket.sendBinary(data);
      return socket.getBufferedAmount() < socketHighWater;
    },
    close(code, reason) {
      socket.close(code, reason);
    },
  };
}

/** Serves connections that arrive at an inherited listening descriptor by relaying them to `target`. */
export function adoptListener(fd: number, target: ApiListener, log: Log): { close(): void } {
  return listen({ fd }, (inbound: Socket) => {
    inbound.pause();
    connect(
      { ip: target.ip, port: target.port, timeout: 5000 },
      {
        onOpen(outbound) {
          relay(inbound, outbound);
          inbound.resume();
        },
        onFail(error) {
          log.warn("A connection could not be relayed to the API server", {}, error);
          inbound.terminate();
        },
      },
    );
  });
}
