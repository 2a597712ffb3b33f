/**
 * TLS 1.3 on sockets: contexts, what a client expects of its peer, and putting TLS on an accepted socket.
 *
 * Nothing of node:tls: loading it and making one context with it takes 3 MB of private memory (it brings
 * node:net, node:stream and the system's authorities). The runtime's sockets take PEM texts as well and keep one native context per distinct set of
 * them, so that a connection costs the same CPU and memory as with a context object (runtime-contract.test.ts).
 */
import { systemClock } from "../clock.ts";
import type { Clock, Timer } from "../clock.ts";
import { MeshError } from "../errors.ts";
import { certificateAltNames } from "../x509/alt-names.ts";
import { BunSocket, detachedOwner, nativeHandlers, raise } from "./bun-socket.ts";
import type { NativeOwner, NativeSocket } from "./bun-socket.ts";
import { netError } from "./net-error.ts";
import { formatAddr } from "./sockaddr.ts";
import type { Socket, TlsSession } from "./socket.ts";

/** Keys and trust of one side, ready for any number of connections. Make a new one when they change; old connections live on. */
export interface TlsContext {
  /** The runtime's options. The same texts each time, so that all connections share one native context. */
  readonly native: NativeTls;
  /** As a server: whether clients must prove who they are. */
  readonly requestPeer: boolean;
  /** Whether it trusts anybody; without, it serves anonymous clients only. */
  readonly hasAnchors: boolean;
}

export interface TlsContextOptions {
  /** Own certificate chain, leaf first. Null: none (a client that stays anonymous). */
  readonly certPem: string | null;
  /** PKCS#8 or SEC1. */
  readonly keyPem: string | null;
  /** Whom to trust; empty: nobody, for a server that asks for no certificates. */
  readonly caPem: string;
  /** Server: demand a certificate from every client and verify it. Clients always verify. */
  readonly requestPeer: boolean;
}

/** SSL_OP_NO_TICKET: a resumed peer would not be verified again, and tickets are 2.4 KB per handshake. */
const noTickets = 0x4000;
/** TLS 1.3 on the wire (RFC 8446 §4.2.1). */
const tls13 = 0x0304;

/** Throws "invalid-argument" when PEM or key do not fit. About 40 µs: share contexts. */
export function createTlsContext(options: TlsContextOptions): TlsContext {
  const hasAnchors = options.caPem.trim() !== "";
  if (options.requestPeer && !hasAnchors) {
    throw new MeshError("invalid-argument", "Clients can't be verified without trust anchors");
  }
  const native: object = {
    ...(options.certPem === null ? {} : { cert: options.certPem }),
    ...(options.keyPem === null ? {} : { key: options.keyPem }),
    ...(hasAnchors ? { ca: options.caPem } : {}),
    minVersion: tls13,
    maxVersion: tls13,
    secureOptions: noTickets,
    requestCert: options.requestPeer,
    rejectUnauthorized: options.requestPeer,
  };
  try {
    probe(native);
  } catch (error) {
    throw new MeshError("invalid-argument", "Using certificate, key and trust anchors for TLS failed", {
      cause: error,
    });
  }
  return { native, requestPeer: options.requestPeer, hasAnchors };
}

/** Throws what the runtime has against these options: a listener that nobody can find (an abstract Unix name) for a moment. */
function probe(native: NativeTls): void {
  // Elsewhere a mistake shows at the first connection.
  if (process.platform !== "linux") return;
  const options: object = {
    unix: `\0linkerd-tls-${process.pid}`,
    tls: native,
    socket: nativeHandlers,
    data: detachedOwner,
  };
  Bun.listen<NativeOwner>(options as Bun.UnixSocketOptions<NativeOwner>).stop(true);
}

/** What a client asks for and insists on. */
export interface ClientTls {
  readonly context: TlsContext;
  /** Sent as server name (SNI). */
  readonly serverName: string;
  /** Whom the peer must prove to be: the server name, or exactly this DNS or URI name. */
  readonly verify: "server-name" | { readonly identity: string };
  /** Application protocols, most wanted first. */
  readonly alpn?: readonly string[];
}

/** Protocol names in the wire form of RFC 7301: each with its length before it. */
export function encodeAlpn(names: readonly string[]): Buffer {
  return Buffer.concat(names.map((name) => Buffer.concat([Buffer.of(name.length), Buffer.from(name, "latin1")])));
}

/** The runtime's TLS options; its types don't know all of them (the contract test does). */
export type NativeTls = Bun.TLSOptions;

/** Throws "invalid-argument" for a context without trust anchors: the runtime would trust the system's authorities. */
export function clientTlsOptions(tls: ClientTls): NativeTls {
  if (!tls.context.hasAnchors) {
    throw new MeshError("invalid-argument", `Verifying "${tls.serverName}" needs trust anchors`);
  }
  const exact = tls.verify === "server-name" || tls.verify.identity === tls.serverName;
  const options: object = {
    ...tls.context.native,
    serverName: tls.serverName,
    // The runtime always compares the server name. Where another identity is wanted, only that complaint is forgiven.
    rejectUnauthorized: exact,
    ...(tls.alpn === undefined ? {} : { ALPNProtocols: encodeAlpn(tls.alpn) }),
  };
  return options;
}

/** Names and protocol of a finished handshake. */
function readSession(native: NativeSocket, verified: boolean, serverName: string | null): TlsSession {
  const raw = verified ? native.getPeerX509Certificate()?.raw : undefined;
  const names = raw === undefined ? { dns: [], uri: [] } : certificateAltNames(raw);
  const alpn: unknown = native.alpnProtocol;
  return {
    peerNames: [...names.dns, ...names.uri],
    alpn: typeof alpn === "string" && alpn !== "" ? alpn : null,
    serverName,
  };
}

function errorCode(error: Error): unknown {
  return Reflect.get(error, "code");
}

/** The session when the server is whom the client wants, otherwise the error. Nothing may be written before. */
export function verifyServer(
  native: NativeSocket,
  tls: ClientTls,
  ok: boolean,
  error: Error | null,
  action: string,
): TlsSession | MeshError {
  const wanted = tls.verify === "server-name" ? tls.serverName : tls.verify.identity;
  const otherName = error !== null && errorCode(error) === "ERR_TLS_CERT_ALTNAME_INVALID";
  if (error !== null && !(otherName && wanted !== tls.serverName)) return netError(error, action);
  if (!ok && !otherName) return new MeshError("tls-handshake", `${action}: the handshake failed`);
  const session = readSession(native, true, tls.serverName);
  if (tls.verify === "server-name" || session.peerNames.includes(wanted)) return session;
  return new MeshError(
    "tls-identity",
    `${action}: expected "${wanted}", the peer is "${session.peerNames.join(", ")}"`,
  );
}

export interface ServerTls {
  readonly context: TlsContext;
  /** Protocols that the server speaks, most wanted first. Empty: none is negotiated. A client that offers only others is refused. */
  readonly alpn: readonly string[];
  /** What was read of the connection before. */
  readonly initial: Buffer;
  /** Deadline of the handshake, ms. Default 10 s. */
  readonly timeout?: number;
  readonly clock?: Clock;
}

/** Exactly one of the two is called, never from within `upgradeServer`. */
export interface UpgradeHandler {
  /** Set `socket.handler` here. */
  onSecure(socket: Socket): void;
  /** The connection is closed already. */
  onFail(error: MeshError): void;
}

const defaultHandshakeTimeout = 10_000;
/** How long a refused peer gets to read the alert, ms. */
const alertTime = 1000;

class ServerHandshake implements NativeOwner {
  private readonly before: BunSocket;
  private readonly finish: (() => void) | null;
  private readonly options: ServerTls;
  private readonly handler: UpgradeHandler;
  private readonly clock: Clock;
  private deadline: Timer | null = null;
  private done = false;

  constructor(before: BunSocket, options: ServerTls, handler: UpgradeHandler) {
    this.before = before;
    this.finish = before.onFinish;
    this.options = options;
    this.handler = handler;
    this.clock = options.clock ?? systemClock;
  }

  start(): void {
    const { context, alpn, initial } = this.options;
    const native = this.before.detach();
    const tls: object = {
      ...context.native,
      ...(alpn.length === 0 ? {} : { ALPNProtocols: encodeAlpn(alpn) }),
    };
    const upgrade = {
      isServer: true,
      tls: tls as NativeTls,
      data: this as NativeOwner,
      socket: nativeHandlers,
      ...(initial.length === 0 ? {} : { initialData: initial }),
    };
    try {
      const [, secure] = native.upgradeTLS<NativeOwner>(upgrade);
      this.deadline = this.clock.after(this.options.timeout ?? defaultHandshakeTimeout, () => {
        this.fail(new MeshError("timeout", `${this.action()}: no handshake in time`));
        secure.terminate();
      });
      // Detection may have paused the reader.
      native.resume();
    } catch (error) {
      native.terminate();
      queueMicrotask(() => this.fail(netError(error, this.action())));
    }
  }

  nativeOpen(): void {}

  nativeHandshake(native: NativeSocket, ok: boolean, error: Error | null): void {
    if (this.done) return;
    const { requestPeer } = this.options.context;
    // `ok` alone means only that the bytes were right: an unknown authority or an expired certificate is ok with an error.
    // Where no certificate was asked for, the runtime complains that there is none.
    if (!ok || (requestPeer && (error !== null || !native.authorized))) {
      this.deadline?.cancel();
      this.deadline = this.clock.after(alertTime, () => native.terminate());
      native.shutdown();
      this.report(
        error === null ? new MeshError("tls-handshake", `${this.action()}: refused`) : netError(error, this.action()),
      );
      return;
    }
    this.done = true;
    this.deadline?.cancel();
    const serverName: unknown = native.getServername();
    const session = readSession(
      native,
      requestPeer,
      typeof serverName === "string" && serverName !== "" ? serverName : null,
    );
    const socket = new BunSocket(native, this.before, session, this.clock);
    socket.onFinish = this.finish;
    native.data = socket;
    this.handler.onSecure(socket);
  }

  nativeData(): void {}
  nativeDrain(): void {}
  nativeEnd(): void {}

  nativeClose(_native: NativeSocket, error: Error | undefined): void {
    this.fail(
      error === undefined
        ? new MeshError("tls-handshake", `${this.action()}: the peer left during the handshake`)
        : netError(error, this.action()),
    );
  }

  nativeError(native: NativeSocket, error: Error): void {
    if (this.done) raise(error);
    this.fail(netError(error, this.action()));
    native.terminate();
  }

  private fail(error: MeshError): void {
    this.deadline?.cancel();
    this.report(error);
  }

  private report(error: MeshError): void {
    if (this.done) return;
    this.done = true;
    this.finish?.();
    this.handler.onFail(error);
  }

  private action(): string {
    return `TLS with "${formatAddr(this.before.remote)}"`;
  }
}

/** The certificate (DER) of the peer of a connection whose handshake was verified, for what its names don't say; null: none. */
export function peerCertificate(socket: Socket): Uint8Array | null {
  return socket instanceof BunSocket && socket.tls !== null ? socket.peerCertificate() : null;
}

/** Puts TLS on an accepted plain socket, which is dead from then on. */
export function upgradeServer(socket: Socket, options: ServerTls, handler: UpgradeHandler): void {
  if (!(socket instanceof BunSocket) || socket.tls !== null) {
    throw new MeshError("internal", "Only a plain socket of the runtime can be upgraded to TLS");
  }
  if (socket.closed) {
    queueMicrotask(() => handler.onFail(new MeshError("cancelled", "TLS on a closed connection")));
    return;
  }
  new ServerHandshake(socket, options, handler).start();
}
