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

/**
 * How long a client says nothing before the application is listened to, ms. Long enough for another proxy's ClientHello:
 * what the application says first must not come before it.
 */
const quietTime = 20;

/** Waits for the end of a connection that was refused, or whose handshake is under way. */
const closing: SocketHandler = { onData() {}, onDrain() {}, onEnd() {}, onClose() {} };

/** Whether a name is the domain or in it; a suffix may have a dot at either end. */
function isBelow(name: string, suffix: string): boolean {
  const domain = suffix.toLowerCase().replaceAll(/^\.|\.$/g, "");
  return domain !== "" && (name === domain || name.endsWith(`.${domain}`));
}

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
  private facts: InboundConnection | null = null;
  private verdict: ConnectionVerdict | null = null;
  private detection: Detection | null = null;
  /** Listens to the application while the client says nothing. */
  private listener: InboundTcpSession | null = null;
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
      const { detectTimeout: timeout, clock } = options;
      Detection.start(this.socket, this, { tls: true, timeout, clock, cells: null });
      return;
    }
    const policy = this.use(this.target);
    if (policy.protocol === "opaque") {
      this.tls = { kind: "none", reason: "port_skipped" };
      this.proceed("opaque", nothing, false);
      return;
    }
    this.detect(this.socket, policy, true);
  }

  private detect(socket: Socket, policy: PortPolicy, tls: boolean): void {
    const { clock } = this.shared.options;
    const { detectTimeout: timeout, detect: cells, protocol } = policy;
    // A port that is known to speak HTTP, or TLS, has no server that speaks first.
    const quiet = protocol === "detect" ? { quiet: quietTime } : {};
    this.detection = Detection.start(socket, this, { tls, timeout, clock, cells, ...quiet });
  }

  /** Listens to the application, if the client may hear it. */
  onQuiet(): boolean {
    const { socket, shared, target, policy } = this;
    if (target === null || policy === null) return false;
    const tls = this.tls ?? this.plaintext();
    const facts: InboundConnection = { client: socket.remote, target, tls };
    const verdict = policy.authorize(facts);
    this.admit(facts, verdict);
    if (!verdict.allowed) return false;
    const said = { onServerSpoke: () => this.serverSpoke() };
    const listener: InboundTcpSession = new InboundTcpSession(shared, facts, policy, verdict, socket, said, (error) => {
      if (this.listener === listener) this.end(error);
    });
    this.listener = listener;
    listener.start();
    return true;
  }

  private serverSpoke(): void {
    const { listener, detection, verdict } = this;
    if (listener === null || detection === null || verdict === null) return;
    const initial = detection.yield();
    verdict.source.readBytes += initial.length;
    listener.join({ initial, ended: false });
  }

  /** The connection counts as this client's from now on, be it let in or not. */
  private admit(facts: InboundConnection, verdict: ConnectionVerdict): void {
    this.facts = facts;
    this.verdict = verdict;
    verdict.source.opened();
  }

  private plaintext(): ClientTls {
    return { kind: "none", reason: this.shared.options.credentials === null ? "identity_disabled" : this.plainPeer };
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
      if (detected.kind === "tls") {
        this.tls = { kind: "passthrough", serverName: detected.serverName };
        this.policy?.detect.lost("tls");
      } else this.tls = this.plaintext();
    }
    // Who stops in the middle of a request's first line must not get by as bytes what is judged as requests.
    const judged = detected.kind === "opaque" && detected.begun && (this.policy?.judgesRequests ?? false);
    this.proceed(judged ? "http1" : detected.kind === "tls" ? "opaque" : detected.kind, initial, ended);
  }

  onClosed(error: MeshError | null): void {
    this.end(error);
  }

  private upgrade(socket: Socket, initial: Buffer): void {
    const { options } = this.shared;
    this.forget();
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
      this.detect(socket, this.policy, false);
    }
  }

  onHeader(socket: Socket, header: TransportHeader, rest: Buffer): void {
    if (header.name !== null) {
      this.passByName(socket, header, header.name, rest);
      return;
    }
    if (this.shared.options.ownPorts.has(header.port)) {
      this.refuse(socket, "Transport header for the proxy itself");
      return;
    }
    this.policy?.release();
    this.shared.options.onTransportHeader(header, this.tls?.kind === "meshed" ? this.tls.clientId : "");
    this.target = { ip: socket.local.ip, port: header.port };
    this.use(this.target);
    this.proceed(header.session ?? "opaque", rest, false);
  }

  /** As a gateway: whoever may connect to the proxy's own port has it passed on, as long as that is so. */
  private passByName(socket: Socket, header: TransportHeader, asked: string, initial: Buffer): void {
    const { options } = this.shared;
    const { gateway, credentials } = options;
    const name = asked.toLowerCase().replace(/\.$/, "");
    const by = credentials?.localName ?? null;
    if (gateway === null || by === null || !gateway.suffixes.some((suffix) => isBelow(name, suffix))) {
      options.errors.tcpFailed("gateway-domain", null);
      this.refuse(socket, `Transport header for "${name}", which this gateway does not serve`);
      return;
    }
    this.policy?.release();
    const target = { ip: socket.local.ip, port: socket.local.port };
    this.target = target;
    const policy = this.use(target);
    const { tls } = this;
    if (tls === null || tls.kind !== "meshed") return;
    options.onTransportHeader(header, tls.clientId);
    const facts: InboundConnection = { client: socket.remote, target, tls };
    const verdict = policy.authorize(facts);
    this.admit(facts, verdict);
    if (!verdict.allowed) {
      options.errors.tcpFailed("unauthorized", null);
      this.refuse(socket, "Connection is not authorized");
      return;
    }
    const stopWatching = policy.watch(() => {
      if (!policy.authorize(facts).allowed) socket.terminate();
    });
    const { port, session } = header;
    gateway.accept(socket, { name, port, session, initial, by, for: tls.clientId }, (error) => {
      stopWatching();
      this.end(error);
    });
  }

  onNoHeader(socket: Socket, error: MeshError): void {
    this.refuse(socket, error.message);
  }

  /** Everything is known: authorize and pass on. */
  private proceed(detected: "http1" | "http2" | "opaque", initial: Buffer, ended: boolean): void {
    const { socket, shared, target, policy, tls } = this;
    if (target === null || policy === null || tls === null) return;
    const found = detected === "opaque" && tls.kind !== "passthrough" ? unproven[policy.protocol] : detected;
    if (this.facts !== null && this.facts.tls.kind !== tls.kind) this.forget();
    const facts: InboundConnection = this.facts ?? { client: socket.remote, target, tls };
    const verdict = this.verdict ?? policy.authorize(facts);
    if (this.verdict === null) this.admit(facts, verdict);
    verdict.source.readBytes += initial.length;
    const { listener } = this;
    if (listener !== null && found === "opaque") {
      listener.join({ initial, ended });
      return;
    }
    this.listener = null;
    listener?.abandon();
    if (found === "http1") {
      const pool = shared.pools.acquire(target, verdict.destination);
      this.pooled = true;
      const session = new InboundHttpSession({ shared, facts, policy, pool, onOver: (error) => this.end(error) });
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
      const source = { shared, facts, policy, pool, onOver: nothingToDo };
      const handler = (): RequestHandler => {
        const session = new InboundHttpSession(source);
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
    new InboundTcpSession(shared, facts, policy, verdict, socket, { initial, ended }, onOver).start();
  }

  /** The client turns out to be another one than the application was listened to for. */
  private forget(): void {
    const { listener } = this;
    this.listener = null;
    listener?.abandon();
    this.verdict?.source.closed(null);
    this.verdict = null;
    this.facts = null;
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
    const { listener } = this;
    this.listener = null;
    listener?.abandon();
    this.verdict?.source.closed(error);
    if (this.pooled && this.target !== null) this.shared.pools.release(this.target);
    this.policy?.release();
    this.http = null;
    this.stopDrain();
    this.release();
  }
}
