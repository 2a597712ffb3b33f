import type { MeshError } from "#lib/errors.ts";
import { formatAddr } from "#lib/net/sockaddr.ts";
import type { Socket, SocketAddr, SocketHandler } from "#lib/net/socket.ts";
import type { Detected } from "../detect/classify.ts";
import { Detection, type DetectionOwner } from "../detect/detection.ts";
import { ServerSession } from "../http/h2/server-session.ts";
import { ServerConnection } from "../http/server-connection.ts";
import { OutboundHttpSession } from "./http-session.ts";
import type { OutboundShared } from "./options.ts";
import type { Balancer, NamedConnection, OutboundProtocol, OutboundTarget } from "./ports.ts";
import { OutboundTcpSession } from "./tcp-session.ts";

const nothing = Buffer.alloc(0);
const nothingToDo = (): void => {};

/** How long a client says nothing before its server is listened to, ms, where servers have not spoken first yet. */
const quietTime = 20;

/** One connection of the application: where does it go, what does it speak, who passes it on. */
export class OutboundConnection implements DetectionOwner, SocketHandler {
  private readonly socket: Socket;
  private readonly dst: SocketAddr;
  private readonly shared: OutboundShared;
  /** Null: it is the application's own. */
  private readonly named: NamedConnection | null;
  private readonly onOver: (error: MeshError | null) => void;
  private readonly release: () => void;
  private readonly stopDrain: () => void;
  private cancelLookup: (() => void) | null = null;
  private target: OutboundTarget | null = null;
  private http: ServerConnection | ServerSession | null = null;
  private detection: Detection | null = null;
  /** Listens to the server while the client says nothing. */
  private listener: OutboundTcpSession | null = null;
  private early: Buffer = nothing;
  private earlyEnd = false;
  private paused = false;
  private over = false;

  /** `onOver`: last, exactly once. */
  constructor(
    socket: Socket,
    dst: SocketAddr,
    shared: OutboundShared,
    named: NamedConnection | null = null,
    onOver: (error: MeshError | null) => void = nothingToDo,
  ) {
    this.socket = socket;
    this.dst = dst;
    this.shared = shared;
    this.named = named;
    this.onOver = onOver;
    if (named !== null) this.early = named.initial;
    this.release = shared.options.drain.hold();
    this.stopDrain = shared.options.drain.onDrain(() => this.http?.finish());
  }

  start(): void {
    const { discovery } = this.shared.options;
    this.socket.handler = this;
    const cancel = discovery.lookup(this.dst, (target) => {
      this.cancelLookup = null;
      this.onTarget(target);
    });
    if (this.target !== null || this.over) return;
    this.cancelLookup = cancel;
    this.paused = true;
    this.socket.pause();
  }

  private onTarget(target: OutboundTarget): void {
    const { socket, shared } = this;
    this.target = target;
    target.hold();
    target.source.opened();
    target.source.readBytes += this.early.length;
    target.count();
    if (this.paused) socket.resume();
    switch (this.treatment(target)) {
      case "forbidden":
        shared.options.log.info("Connection to a port that its service does not have", {
          target: formatAddr(this.dst),
        });
        shared.options.errors.tcpFailed("route-not-found", null);
        socket.terminate();
        return;
      case "shed":
        shared.options.errors.tcpFailed("load-shed", null);
        socket.terminate();
        return;
      case "opaque":
        this.passBytes(this.early, this.earlyEnd);
        return;
      case "http2":
        this.serveHttp2(this.early, this.earlyEnd);
        return;
      case "http1":
        this.serveHttp(this.early, this.earlyEnd);
        return;
      case "detect":
        if (this.earlyEnd) {
          this.passBytes(this.early, true);
          return;
        }
        this.detect(target);
        return;
      case "tls": {
        const { clock } = shared.options;
        Detection.start(socket, this, { tls: true, timeout: target.detectTimeout, clock, cells: null }, this.early);
      }
    }
  }

  /** A peer has looked already, and says what it found. */
  private treatment({ protocol }: OutboundTarget): OutboundProtocol {
    if (this.named === null || protocol === "forbidden" || protocol === "shed") return protocol;
    return this.named.session ?? "opaque";
  }

  /** For requests that pass: where they have been. */
  private extra(): string[] {
    const { named } = this;
    return named === null ? [] : ["forwarded", `by="${named.by}";for="${named.for}"`];
  }

  private detect({ detectTimeout: timeout, detect: cells, serverFirst }: OutboundTarget): void {
    const { clock } = this.shared.options;
    // Who spoke first the last time tells how long to wait; a wrong guess costs a connection that nobody uses.
    const quiet = serverFirst ? 0 : quietTime;
    this.detection = Detection.start(this.socket, this, { tls: true, timeout, clock, cells, quiet }, this.early);
  }

  onQuiet(): boolean {
    const { target, shared } = this;
    if (target === null) return false;
    const onServerSpoke = (): void => this.serverSpoke();
    const listener: OutboundTcpSession = new OutboundTcpSession(
      shared,
      target,
      target.tcp,
      this.socket,
      { onServerSpoke },
      (error) => {
        if (this.listener === listener) this.end(error);
      },
    );
    this.listener = listener;
    listener.start();
    return true;
  }

  private serverSpoke(): void {
    const { target, listener, detection } = this;
    if (target === null || listener === null || detection === null) return;
    const initial = detection.yield();
    target.serverFirst = true;
    target.source.readBytes += initial.length;
    listener.join({ initial, ended: false });
  }

  onDetected(_socket: Socket, detected: Detected, initial: Buffer, ended: boolean): void {
    const { target, listener } = this;
    if (target === null) return;
    target.source.readBytes += initial.length - this.early.length;
    if (target.protocol === "tls") {
      this.passTls(target, detected, initial, ended);
      return;
    }
    if (detected.kind === "tls") target.detect.lost("tls");
    if (detected.kind !== "http1" && detected.kind !== "http2") {
      if (listener === null) this.passBytes(initial, ended);
      else listener.join({ initial, ended });
      return;
    }
    target.serverFirst = false;
    this.listener = null;
    listener?.abandon();
    if (detected.kind === "http1") this.serveHttp(initial, ended);
    else this.serveHttp2(initial, ended);
  }

  /** As it is, to where its server name says. */
  private passTls(target: OutboundTarget, detected: Detected, initial: Buffer, ended: boolean): void {
    const { options } = this.shared;
    const serverName = detected.kind === "tls" ? detected.serverName : null;
    const balancer = detected.kind === "tls" ? target.byServerName(serverName) : null;
    if (balancer !== null) {
      this.passBytes(initial, ended, balancer);
      return;
    }
    const why = detected.kind === "tls" ? "whose server name has no route" : "that is not TLS, where TLS is routed";
    options.log.info(`Connection ${why}`, { target: formatAddr(this.dst), serverName });
    options.errors.tcpFailed("route-not-found", null);
    this.socket.handler = this;
    this.socket.terminate();
  }

  onClosed(error: MeshError | null): void {
    this.end(error);
  }

  private serveHttp(initial: Buffer, ended: boolean): void {
    const { target, shared } = this;
    if (target === null) return;
    const onOver = (error: MeshError | null): void => this.end(error);
    const gateway = this.named?.by ?? null;
    const client = this.socket.remote;
    const session = new OutboundHttpSession({ shared, target, client, version: "http1", onOver, gateway });
    this.http = new ServerConnection(this.socket, shared.http, session, target.source, this.extra());
    this.http.start(initial, ended);
    if (shared.options.drain.draining) this.http.finish();
  }

  private serveHttp2(initial: Buffer, ended: boolean): void {
    const { target, shared } = this;
    if (target === null) return;
    const client = this.socket.remote;
    const gateway = this.named?.by ?? null;
    const source = { shared, target, client, version: "http2" as const, onOver: nothingToDo, gateway };
    const handler = (): OutboundHttpSession => new OutboundHttpSession(source);
    const over = (error: MeshError | null): void => this.end(error);
    this.http = new ServerSession(
      this.socket,
      shared.http,
      handler,
      target.source,
      this.extra(),
      this.named !== null,
      over,
    );
    this.http.start(initial, ended);
    if (shared.options.drain.draining) this.http.finish();
  }

  private passBytes(initial: Buffer, ended: boolean, balancer: Balancer | null = null): void {
    const { target, shared, socket } = this;
    if (target === null) return;
    const onOver = (error: MeshError | null): void => this.end(error);
    new OutboundTcpSession(shared, target, balancer ?? target.tcp, socket, { initial, ended }, onOver).start();
  }

  private end(error: MeshError | null): void {
    if (this.over) return;
    this.over = true;
    this.cancelLookup?.();
    const { listener } = this;
    this.listener = null;
    listener?.abandon();
    this.target?.source.closed(error);
    this.target?.release();
    this.http = null;
    this.stopDrain();
    this.release();
    this.onOver(error);
  }

  // While the target is looked up, and for a connection that was refused.

  onData(_socket: Socket, chunk: Buffer): void {
    this.early = Buffer.concat([this.early, chunk]);
  }
  onDrain(): void {}
  onEnd(): void {
    this.earlyEnd = true;
  }
  onClose(_socket: Socket, error: MeshError | null): void {
    this.end(error);
  }
}
