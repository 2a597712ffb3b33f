/**
 * The node's HTTPS port for the API server: logs, commands, port forwarding.
 *
 *     TLS (client certificates of the cluster) ─ head ─┬ Upgrade: SPDY/3.1 → SpdyExec, SpdyTunnel
 *                                                      └ anything else → relay → HTTP server on loopback (logs, WebSockets)
 *
 * The runtime's HTTP server can't hand out a connection for a protocol of ours, so the head is read here first. The server
 * on loopback answers only paths that begin with a secret of this run: others on the node's network could reach it too.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { connect } from "#lib/net/connect.ts";
import { listen } from "#lib/net/listen.ts";
import type { Listener, Socket, SocketHandler } from "#lib/net/socket.ts";
import { createTlsContext, upgradeServer } from "#lib/net/tls.ts";
import { WriteQueue } from "#lib/net/write-queue.ts";
import type { NodeExecutor } from "../api/executor.ts";
import { ExecSocket } from "../api/http/exec-socket.ts";
import { serveLog } from "../api/http/log-stream.ts";
import { PortForwardSocket } from "../api/http/port-forward-socket.ts";
import { relay } from "../api/http/relay.ts";
import { failure, statusOf } from "../api/http/reply.ts";
import type { SessionSocket, SocketSession } from "../api/http/socket-session.ts";
import { SpdyTunnel } from "../api/http/spdy/tunnel.ts";
import { notFound } from "../api/status-error.ts";
import type { KubeObject } from "../store/object.ts";
import {
  execOptions,
  forwardPorts,
  headLimit,
  parseHead,
  podRequest,
  type PodRequest,
  type RequestHead,
  unknownPath,
} from "./kubelet-request.ts";
import { execProtocol, SpdyExec } from "./spdy-exec.ts";

/** ms from the connection to the end of the request's head. */
const headTimeout = 10_000;
const channels = "v4.channel.k8s.io";
const portForwardProtocol = "portforward.k8s.io";

export interface KubeletServerOptions {
  readonly ip: string;
  /** 10250 by custom; 0: any. */
  readonly port: number;
  readonly certPem: string;
  readonly keyPem: string;
  /** Who may ask: holders of certificates of this authority. */
  readonly clientCaPem: string;
  readonly executor: NodeExecutor;
  readonly findPod: (namespace: string, name: string) => KubeObject | null;
  readonly clock: Clock;
  readonly log: Log;
}

interface SessionData {
  readonly session: SocketSession;
}

export class KubeletServer {
  private readonly options: KubeletServerOptions;
  private readonly secret = randomBytes(16).toString("hex");
  private readonly inner: Bun.Server<SessionData>;
  private readonly listener: Listener;

  constructor(options: KubeletServerOptions) {
    this.options = options;
    this.inner = this.serveInner();
    const { certPem, keyPem, clientCaPem } = options;
    const context = createTlsContext({ certPem, keyPem, caPem: clientCaPem, requestPeer: true });
    this.listener = listen({ ip: options.ip, port: options.port }, (socket) => {
      upgradeServer(
        socket,
        { context, alpn: [], initial: Buffer.alloc(0) },
        {
          onSecure: (secure) => this.accept(secure),
          onFail: (error) => options.log.debug("A connection to the node's port failed", { reason: error.message }),
        },
      );
    });
  }

  get port(): number {
    return this.listener.addr.port;
  }

  close(): void {
    this.listener.close();
    void this.inner.stop(true);
  }

  private accept(socket: Socket): void {
    const timer = this.options.clock.after(headTimeout, () => socket.terminate());
    socket.handler = new HeadReader((text, rest) => {
      timer.cancel();
      const head = text === null ? null : parseHead(text);
      if (head === null) socket.terminate();
      else if (head.headers.get("upgrade")?.toLowerCase() === "spdy/3.1") this.upgrade(socket, head, rest);
      else this.pass(socket, head, rest);
    });
  }

  /** The pod that a request is about. Throws 404. */
  private find(path: string): { readonly request: PodRequest; readonly pod: KubeObject } {
    const request = podRequest(path);
    if (request === null) throw unknownPath(path);
    const pod = this.options.findPod(request.namespace, request.pod);
    if (pod === null) throw notFound({ group: "", resource: "pods" }, request.pod);
    return { request, pod };
  }

  private upgrade(socket: Socket, head: RequestHead, rest: Buffer): void {
    const { executor } = this.options;
    let session: SocketSession;
    let protocol: string;
    try {
      const { request, pod } = this.find(head.url.pathname);
      if (request.kind === "log") throw unknownPath(head.url.pathname);
      protocol = request.kind === "exec" ? execProtocol : portForwardProtocol;
      const offered = (head.headers.get("x-stream-protocol-version") ?? "").split(",").map((name) => name.trim());
      if (!offered.includes(protocol)) {
        throw new MeshError("invalid-argument", `Of the protocols "${offered.join(", ")}" none is "${protocol}"`);
      }
      if (request.kind === "forward") session = new SpdyTunnel(executor, pod);
      else {
        const options = execOptions(pod, request.container, head.url.searchParams);
        session = new SpdyExec(options, (sink) => executor.exec(pod, options, sink));
      }
    } catch (thrown) {
      refuse(socket, thrown);
      return;
    }
    const answer = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`;
    socket.handler = new SessionAdapter(socket, session, Buffer.from(answer));
    if (rest.length > 0) session.message(rest);
  }

  /** Hands the connection to the HTTP server, for one request. */
  private pass(socket: Socket, head: RequestHead, rest: Buffer): void {
    const isUpgrade = head.headers.has("upgrade");
    const kept = head.lines.filter((line) => isUpgrade || !/^(connection|keep-alive):/i.test(line));
    // One request a connection: the secret is put in front of the first one only.
    const closing = isUpgrade ? [] : ["Connection: close"];
    const first = `${head.method} /${this.secret}${head.url.pathname}${head.url.search} HTTP/1.1`;
    const bytes = Buffer.concat([Buffer.from(`${[first, ...kept, ...closing].join("\r\n")}\r\n\r\n`), rest]);
    socket.pause();
    connect(
      { ip: "127.0.0.1", port: this.inner.port ?? 0, timeout: 5000 },
      {
        onOpen: (outbound) => {
          relay(socket, outbound);
          socket.handler.onData(socket, bytes);
          socket.resume();
        },
        onFail: (error) => {
          this.options.log.warn("A request to the node could not be handed on", {}, error);
          socket.terminate();
        },
      },
    );
  }

  private serveInner(): Bun.Server<SessionData> {
    return Bun.serve<SessionData>({
      hostname: "127.0.0.1",
      port: 0,
      development: false,
      idleTimeout: 0,
      fetch: (request, server) => {
        try {
          return this.answer(request, server);
        } catch (thrown) {
          return failure(thrown);
        }
      },
      websocket: {
        backpressureLimit: 4 * 1024 * 1024,
        closeOnBackpressureLimit: true,
        idleTimeout: 960,
        perMessageDeflate: false,
        open: (socket) =>
          socket.data.session.open({
            send: (data) => {
              socket.sendBinary(data);
              return socket.getBufferedAmount() < 1024 * 1024;
            },
            close: (code, reason) => socket.close(code, reason),
          }),
        message: (socket, data) =>
          socket.data.session.message(typeof data === "string" ? Buffer.from(data) : new Uint8Array(data)),
        drain: (socket) => socket.data.session.drain(),
        close: (socket) => socket.data.session.close(),
      },
    });
  }

  private answer(request: Request, server: Bun.Server<SessionData>): Response | undefined {
    const { pathname, searchParams } = new URL(request.url);
    const prefix = `/${this.secret}`;
    if (!pathname.startsWith(`${prefix}/`)) throw unknownPath(pathname);
    const { request: wanted, pod } = this.find(pathname.slice(prefix.length));
    const { executor, clock } = this.options;
    if (wanted.kind === "log") {
      searchParams.set("container", wanted.container);
      return serveLog(executor, pod, searchParams, clock.wall());
    }
    const session =
      wanted.kind === "exec"
        ? new ExecSocket(executor, pod, execOptions(pod, wanted.container, searchParams))
        : new PortForwardSocket(executor, pod, forwardPorts(searchParams));
    if (server.upgrade(request, { headers: { "Sec-WebSocket-Protocol": channels }, data: { session } }))
      return undefined;
    throw new MeshError("invalid-argument", "Upgrade request required");
  }
}

function refuse(socket: Socket, thrown: unknown): void {
  const status = statusOf(thrown);
  const body = JSON.stringify(status);
  const bytes = Buffer.from(
    `HTTP/1.1 ${status.code ?? 500} ${status.reason ?? "Error"}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  socket.write(bytes, 0, bytes.length);
  socket.close();
}

/** Reads up to the empty line; null when the head is too long or the connection ends before. */
class HeadReader implements SocketHandler {
  private pending = Buffer.alloc(0);
  private readonly report: (head: string | null, rest: Buffer) => void;
  private done = false;

  constructor(report: (head: string | null, rest: Buffer) => void) {
    this.report = report;
  }

  onData(_socket: Socket, chunk: Buffer): void {
    if (this.done) return;
    this.pending = Buffer.concat([this.pending, chunk]);
    const end = this.pending.indexOf("\r\n\r\n");
    if (end < 0 && this.pending.length <= headLimit) return;
    this.done = true;
    if (end < 0) this.report(null, Buffer.alloc(0));
    else this.report(this.pending.toString("latin1", 0, end), this.pending.subarray(end + 4));
  }

  onDrain(): void {}

  onEnd(): void {
    if (!this.done) this.report(null, Buffer.alloc(0));
    this.done = true;
  }

  onClose(): void {
    this.done = true;
  }
}

/** A session over a plain byte stream. */
class SessionAdapter implements SocketHandler {
  private readonly session: SocketSession;
  private readonly queue: WriteQueue;

  constructor(socket: Socket, session: SocketSession, first: Uint8Array) {
    this.session = session;
    this.queue = new WriteQueue(socket, 1024 * 1024, () => session.drain());
    this.queue.write(first);
    const face: SessionSocket = {
      send: (data) => this.queue.write(data),
      close: () => this.queue.close(),
    };
    session.open(face);
  }

  onData(_socket: Socket, chunk: Buffer): void {
    this.session.message(chunk);
  }

  onDrain(): void {
    this.queue.drain();
  }

  onEnd(socket: Socket): void {
    socket.close();
  }

  onClose(): void {
    this.queue.discard();
    this.session.close();
  }
}
