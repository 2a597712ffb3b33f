/**
 * The tap port: gRPC inside mutual TLS, for the one identity that may look into requests. Loaded only where one is
 * configured.
 */
import type { MeshError } from "#lib/errors.ts";
import type { Clock } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import { ConnectionLimit, listen } from "#lib/net/listen.ts";
import type { Listener, Socket, SocketAddr } from "#lib/net/socket.ts";
import type { Identity } from "#model/identity.ts";
import { Tap as TapService } from "#rpc/gen/tap_pb.ts";
import { createRpcServer } from "#rpc/server.ts";
import { implement } from "#rpc/service.ts";
import type { RequestWatchers } from "../http/request-watch.ts";
import type { MeshTls } from "../tls/mesh-tls.ts";
import { Tap } from "./tap.ts";

export interface TapServerOptions {
  readonly listen: SocketAddr;
  /** The only ones who may. */
  readonly clients: readonly Identity[];
  readonly tls: MeshTls;
  readonly watchers: RequestWatchers;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
}

export type StartTap = (options: TapServerOptions) => Listener;

/** Connections at a time. */
const maxConnections = 16;
/** Events that wait for an observer: those of requests under way come on top of `tapLimits.queued`. */
const writer = { maxQueuedMessages: 1024, maxQueuedBytes: 4 * 1024 * 1024, slowReader: 10_000 };

export const startTap: StartTap = ({ listen: addr, clients, tls, watchers, registry, clock, log }) => {
  const tap = new Tap(watchers, registry, clock);
  const service = implement(TapService, {
    observe(request, context, output) {
      const stop = tap.observe(request, {
        get queued() {
          return output.queued;
        },
        send: (event) => output.send(event),
        end: () => output.end(),
      });
      context.onCancel(stop);
      output.open();
      log.info("Tap", { client: context.peerNames.join(), limit: request.limit });
    },
  });
  const server = createRpcServer({ services: [service], log, clock, writer, maxMessageBytes: 65_536 });
  const refuse = (socket: Socket, reason: string): void => {
    log.info("Tap refused", { client: socket.remote.ip, reason });
    socket.terminate();
  };
  const listener = listen({ ...addr, limit: new ConnectionLimit(maxConnections) }, (accepted) => {
    tls.accept(
      accepted,
      { initial: Buffer.alloc(0), alpn: ["h2"] },
      {
        onSecure(secure) {
          const names = secure.tls?.peerNames ?? [];
          if (names.some((name) => clients.includes(name))) server.accept(secure);
          else refuse(secure, `"${names.join()}" may not tap`);
        },
        onFail: (error: MeshError) => refuse(accepted, error.message),
      },
    );
  });
  return {
    addr: listener.addr,
    close() {
      listener.close();
      server.close();
    },
  };
};
