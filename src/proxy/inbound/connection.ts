import type { MeshError } from "#lib/errors.ts";
import { formatAddr } from "#lib/net/sockaddr.ts";
import type { Socket, SocketAddr, SocketHandler } from "#lib/net/socket.ts";
import { includesPort } from "#lib/port-list.ts";
import { transportProtocol, type TransportHeader } from "#wire/transport-header/transport-header.ts";
import type { Detected } from "../detect/classify.ts";
import { Detection, type DetectionOwner } from "../detect/detection.ts";
import { ServerSession } from "../http/h2/server-session.ts";
import type { RequestHandler } from "../http/request-handler.ts";
import { ServerConnection } from "../http/server-connection.ts";
import { HeaderReader, type HeaderOwner } from "./header-reader.ts";
import { InboundHttpSession } from "./http-session.ts";
import type { InboundShared } from "./options.ts";
import type { ClientTls, ConnectionVerdict, InboundConnection, PortPolicy } from "./ports.ts";
import { InboundTcpSession } from "./tcp-session.ts";

const nothing = Buffer.alloc(0);
const nothingToDo = (): void => {};

/** A name that may stand in a header line. */
const identityPattern = /^[\x21-\x7e]{1,253}$/;

/**
 * What is spoken where the bytes prove nothing. A port that is known to speak HTTP does so even when the client was silent, or
 * begins in a way that servers forgive: as bytes its requests would pass the port's rules.
 */
const unproven = {
  detect: "opaque",
  opaque: "opaque",
  tls: "opaque",
  http1: "http1",
  http2: "http2",
  grpc: "http2",
} as const;

/** Waits for the end of a connection that was refused, or whose handshake is under way. */
const closing: SocketHandler = { onData() {}, onDrain() {}, onEnd() {}, onClose() {} };

/**
 * One connection from outside: who is it, which port does it want, what does it speak, may it.
 *
 * detect → our TLS? upgrade, then (transport header | detect again) → authorize → HTTP or bytes to the application
 */
export class InboundServerConnection implements DetectionOwner, HeaderOwner {
  private socket: Socket;
  private readonly shared: InboundShared;
  private readonly release: () => void;
  private readonly stopDrain: () => void;
  private readonly plainPeer: "loopback" | "no_tls_from_remote";
  /** Null until a transport header has named it. */
  private target: SocketAddr | null;
  private policy: PortPolicy | null = null;
  private tls: ClientTls | null = null;
  private verdict: ConnectionVerdict | null = null;
  private http: ServerConnection | ServerSession | null = null;
  private pooled = false;
  private over = false;

  /** `dst` null: the connection is to the proxy's own port. */
  constructor(socket: Socket, dst: SocketAddr | null, shared: InboundShared) {
    this.socket = socket;
    this.target = dst;
    this.shared = shared;
    this.plainPeer =
      socket.remote.ip.startsWith("127.") || socket.remote.ip === "::1" ? "loopback" : "no_tls_from_remote";
    this.release = shared.options.drain.hold();
    this.stopDrain = shared.options.drain.onDrain(() => this.http?.finish());
  }

  start(): void {
    const { options } = this.shared;
    if (this.target === null) {
      Detection.start(this.socket, this, true, options.detectTimeout, options.clock, null);
      return;
    }
    const policy = this.use(this.target);
    if (policy.protocol === "opaque" || policy.protocol === "tls") {
      this.tls = { kind: "none", reason: "port_skipped" };
      this.proceed("opaque", nothing, false);
      return;
    }
    Detection.start(this.socket, this, true, policy.detectTimeout, options.clock, policy.detect);
  }

  private use(target: SocketAddr): PortPolicy {
    const policy = this.shared.options.policies.forPort(target.port);
    policy.hold();
    this.policy = policy;
    return policy;
  }

  onDetected(socket: Socket, detected: Detected, initial: Buffer, ended: boolean): void {
    const { credentials } = this.shared.options;
    if (this.tls === null) {
      if (detected.kind === "tls" && !ended && credentials !== null && detected.serverName === credentials.localName) {
        this.upgrade(socket, initial);
        return;
      }
      if (this.target === null) {
        this.refuse(socket, "Connection to the proxy's port without the mesh's TLS");
        return;
      }
      if (detected.kind === "tls") this.tls = { kind: "passthrough", serverName: detected.serverName };
      else this.tls = { kind: "none", reason: credentials === null ? "identity_disabled" : this.plainPeer };
    }
    this.proceed(detected.kind === "tls" ? "opaque" : detected.kind, initial, ended);
  }

  onClosed(error: MeshError | null): void {
    this.end(error);
  }

  private upgrade(socket: Socket, initial: Buffer): void {
    const { options } = this.shared;
    options.credentials?.accept(
      socket,
      {
        initial,
        alpn: [transportProtocol, "h2", "http/1.1"],
        timeout: options.detectTimeout,
        anonymous: this.anonymous(),
      },
      {
        onSecure: (secure) => this.onSecure(secure),
        onFail: (error) => {
          options.log.info("TLS handshake failed", { client: formatAddr(socket.remote), reason: error.message });
          options.errors.tcpFailed("unexpected", error);
          this.end(error);
        },
      },
    );
  }

  private anonymous(): boolean {
    return this.target !== null && includesPort(this.shared.options.requireTlsPorts, this.target.port);
  }

  private onSecure(socket: Socket): void {
    const { options } = this.shared;
    this.socket = socket;
    const clientId = socket.tls?.peerNames.find((name) => identityPattern.test(name));
    if (clientId !== undefined) {
      this.tls = { kind: "meshed", clientId };
    } else if (this.anonymous()) {
      this.tls = { kind: "anonymous" };
    } else {
      this.refuse(socket, "Client certificate without an identity");
      return;
    }
    if (socket.tls?.alpn === transportProtocol) {
      HeaderReader.start(socket, this, options.detectTimeout, options.clock);
    } else if (this.policy === null) {
      this.refuse(socket, "Connection to the proxy's port without a transport header");
    } else {
      Detection.start(socket, this, false, this.policy.detectTimeout, options.clock, this.policy.detect);
    }
  }

  onHeader(socket: Socket, header: TransportHeader, rest: Buffer): void {
    if (header.name !== null || this.shared.options.ownPorts.has(header.port)) {
      this.refuse(
        socket,
        header.name === null ? "Transport header for the proxy itself" : "Transport header for a gateway",
      );
      return;
    }
    this.policy?.release();
    this.shared.options.onTransportHeader(header, this.tls?.kind === "meshed" ? this.tls.clientId : "");
    this.target = { ip: socket.local.ip, port: header.port };
    this.use(this.target);
    this.proceed(header.session ?? "opaque", rest, false);
  }

  onNoHeader(socket: Socket, error: MeshError): void {
    this.refuse(socket, error.message);
  }

  /** Everything is known: authorize and pass on. */
  private proceed(detected: "http1" | "http2" | "opaque", initial: Buffer, ended: boolean): void {
    const { socket, shared, target, policy, tls } = this;
    if (target === null || policy === null || tls === null) return;
    const found = detected === "opaque" && tls.kind !== "passthrough" ? unproven[policy.protocol] : detected;
    const facts: InboundConnection = { client: socket.remote, target, tls };
    const verdict = policy.authorize(facts);
    this.verdict = verdict;
    verdict.source.opened();
    verdict.source.readBytes += initial.length;
    if (found === "http1") {
      const pool = shared.pools.acquire(target, verdict.destination);
      this.pooled = true;
      const session = new InboundHttpSession(shared, facts, policy, pool, (error) => this.end(error));
      const extra = tls.kind === "meshed" ? ["l5d-client-id", tls.clientId] : [];
      const handler = shared.options.accessLog?.wrap(session, facts, 1) ?? session;
      this.http = new ServerConnection(socket, shared.http, handler, verdict.source, extra);
      this.http.start(initial, ended);
      if (shared.options.drain.draining) this.http.finish();
      return;
    }
    if (found === "http2") {
      const pool = shared.pools.acquire(target, verdict.destination);
      this.pooled = true;
      const handler = (): RequestHandler => {
        const session = new InboundHttpSession(shared, facts, policy, pool, nothingToDo);
        return shared.options.accessLog?.wrap(session, facts, 2) ?? session;
      };
      const extra = tls.kind === "meshed" ? ["l5d-client-id", tls.clientId] : [];
      const over = (error: MeshError | null): void => this.end(error);
      this.http = new ServerSession(socket, shared.http, handler, verdict.source, extra, tls.kind === "meshed", over);
      this.http.start(initial, ended);
      if (shared.options.drain.draining) this.http.finish();
      return;
    }
    if (!verdict.allowed) {
      shared.options.errors.tcpFailed("unauthorized", null);
      this.refuse(socket, "Connection is not authorized");
      return;
    }
    const onOver = (error: MeshError | null): void => this.end(error);
    new InboundTcpSession(shared, facts, policy, verdict, socket, initial, ended, onOver).start();
  }

  private refuse(socket: Socket, reason: string): void {
    const { log } = this.shared.options;
    if (log.enabled("debug")) log.debug("Connection refused", { client: formatAddr(socket.remote), reason });
    socket.handler = closing;
    socket.terminate();
    this.end(null);
  }

  private end(error: MeshError | null): void {
    if (this.over) return;
    this.over = true;
    this.verdict?.source.closed(error);
    if (this.pooled && this.target !== null) this.shared.pools.release(this.target);
    this.policy?.release();
    this.http = null;
    this.stopDrain();
    this.release();
  }
}
