/** The admin port: plaintext HTTP/1, and the same inside the mesh's mutual TLS for meshed scrapers. */
import type { Clock } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import { ConnectionLimit, listen } from "#lib/net/listen.ts";
import type { Listener, Socket, SocketAddr } from "#lib/net/socket.ts";
import { Detection } from "../detect/detection.ts";
import type { MeshTls } from "../tls/mesh-tls.ts";
import { serveAdmin, type AdminHandler } from "./http-server.ts";

export interface AdminOptions {
  readonly listen: SocketAddr;
  readonly handler: AdminHandler;
  /** Null: no identity, plaintext only. */
  readonly tls: MeshTls | null;
  readonly clock: Clock;
  readonly log: Log;
}

/** Kubelet, scrapers and people; a scrape holds memory, so few at a time. */
const maxConnections = 100;
/** How long a connection may stay silent at first, ms. */
const detectTimeout = 10_000;

/** Listens for as long as the process lives, also while it drains. */
export function startAdmin(options: AdminOptions): Listener {
  const { tls, log } = options;
  const limit = new ConnectionLimit(maxConnections);
  return listen({ ...options.listen, limit }, (accepted) => {
    const owner = {
      onDetected(socket: Socket, detected: { readonly kind: string }, initial: Buffer): void {
        if (detected.kind !== "tls") {
          serveAdmin(socket, initial, options);
          return;
        }
        if (tls === null) {
          socket.terminate();
          return;
        }
        tls.accept(
          socket,
          { initial, alpn: [] },
          {
            onSecure: (secure) => serveAdmin(secure, Buffer.alloc(0), options),
            onFail: (error) =>
              log.debug("Admin TLS handshake failed", { client: socket.remote.ip, reason: error.message }),
          },
        );
      },
      onClosed(): void {},
    };
    Detection.start(accepted, owner, { tls: true, timeout: detectTimeout, clock: options.clock, cells: null });
  });
}
