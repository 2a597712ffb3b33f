/**
 * Mutual TLS of the mesh with the credentials of the moment. Contexts are made once per change and shared by all
 * connections; a connection keeps what it was opened with.
 */
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Socket } from "#lib/net/socket.ts";
import { createTlsContext, upgradeServer, type ClientTls, type TlsContext, type UpgradeHandler } from "#lib/net/tls.ts";
import type { ReadonlyWatchable } from "#lib/watchable.ts";
import type { Identity } from "#model/identity.ts";
import type { Credentials } from "../identity/credentials.ts";

/** Whom an endpoint must prove to be. */
export interface PeerIdentity {
  /** DNS name or URI that its certificate must carry, exactly. */
  readonly identity: string;
  /** Server name to ask for. */
  readonly serverName: string;
}

export interface AcceptTlsOptions {
  /** Bytes read by detection. */
  readonly initial: Buffer;
  /** Protocols that we negotiate; empty: none. */
  readonly alpn: readonly string[];
  /** Deadline of the handshake, ms. Default 10 s. */
  readonly timeout?: number;
  /** Doesn't ask for a client certificate: for ports that workloads need before they have one. Default false. */
  readonly anonymous?: boolean;
}

/** The certificate must outlive the handshake, ms. */
const handshakeMargin = 500;

export class MeshTls {
  private readonly log: Log;
  private readonly stopWatching: () => void;
  private context: TlsContext | null = null;
  /** The same credentials for servers that don't ask who the client is. */
  private lenient: TlsContext | null = null;
  private local: Identity | null = null;
  private notAfter = 0;

  constructor(credentials: ReadonlyWatchable<Credentials | null>, log: Log) {
    this.log = log;
    this.use(credentials.get());
    this.stopWatching = credentials.watch((fresh) => this.use(fresh));
  }

  /** Our own name, which inbound TLS must ask for to be terminated here; null until there is a certificate. */
  get localName(): Identity | null {
    return this.local;
  }

  get ready(): boolean {
    return this.context !== null;
  }

  /**
   * What to connect to a workload with; null while there is no certificate that is valid at `wall` (ms since 1970). In TLS
   * 1.3 a client learns that the server refused its certificate only after it has sent its request, which may then not
   * be sent again: better not to send it.
   */
  workload(peer: PeerIdentity, alpn: readonly string[], wall: number): ClientTls | null {
    return wall + handshakeMargin < this.notAfter ? this.client(peer, alpn) : null;
  }

  /** What to connect with; null until there is a certificate. An expired one still does where nobody asks for it. */
  client(peer: PeerIdentity, alpn: readonly string[] = []): ClientTls | null {
    if (this.context === null) return null;
    return {
      context: this.context,
      serverName: peer.serverName,
      verify: { identity: peer.identity },
      ...(alpn.length === 0 ? {} : { alpn }),
    };
  }

  /** Terminates TLS on an accepted socket; the client must have a certificate of the mesh, unless `anonymous`. */
  accept(socket: Socket, options: AcceptTlsOptions, handler: UpgradeHandler): void {
    const context = options.anonymous === true ? this.lenient : this.context;
    if (context === null) {
      socket.terminate();
      queueMicrotask(() =>
        handler.onFail(new MeshError("unavailable", "TLS is not possible before the first certificate")),
      );
      return;
    }
    upgradeServer(socket, { context, ...options }, handler);
  }

  stop(): void {
    this.stopWatching();
  }

  private use(credentials: Credentials | null): void {
    if (credentials === null) return;
    try {
      const pems = { certPem: credentials.chainPem, keyPem: credentials.keyPem, caPem: credentials.anchorsPem };
      const context = createTlsContext({ ...pems, requestPeer: true });
      this.lenient = createTlsContext({ ...pems, requestPeer: false });
      this.context = context;
      this.local = credentials.name;
      this.notAfter = credentials.notAfter;
    } catch (error) {
      // The old context still works; a new certificate comes with the next renewal.
      this.log.error("New credentials can't be used", { id: credentials.name }, error);
    }
  }
}
