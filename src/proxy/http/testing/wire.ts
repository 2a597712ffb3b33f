/** Plain clients and servers over loopback for tests: what they say is written out, what they hear is waited for. */
import { MeshError } from "#lib/errors.ts";
import { connect } from "#lib/net/connect.ts";
import { listen } from "#lib/net/listen.ts";
import type { Listener, Socket, SocketHandler } from "#lib/net/socket.ts";
import type { ClientTls } from "#lib/net/tls.ts";

/** How an HTTP/2 client begins: its preface, empty SETTINGS, and "GET / HTTP/2" for the host "web" (RFC 9113 §3.4, RFC 7541). */
export const http2Get =
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x08\x01\x05\0\0\0\x01\x82\x86\x84\x41\x03web";

/** One end of a connection. */
export class Wire implements SocketHandler {
  readonly socket: Socket;
  private text = "";
  private outcome: "open" | "ended" | "closed" | MeshError["code"] = "open";
  private changed: (() => void) | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.handler = this;
  }

  send(text: string): this {
    const bytes = Buffer.from(text, "latin1");
    if (this.socket.write(bytes, 0, bytes.length) !== bytes.length) throw new Error("A short write in a test");
    return this;
  }

  /** What came up to now, once it satisfies the condition; taken away. */
  async take(enough: string | ((text: string) => boolean)): Promise<string> {
    const done = typeof enough === "string" ? (text: string): boolean => text.includes(enough) : enough;
    await this.until(() => done(this.text));
    const text = this.text;
    this.text = "";
    return text;
  }

  /** What came before the peer's end. */
  async rest(): Promise<string> {
    await this.until(() => this.outcome !== "open");
    return this.text;
  }

  /** How the connection ended: "closed" or the code of the error. */
  async end(): Promise<string> {
    await this.until(() => this.outcome !== "open" && this.outcome !== "ended");
    return this.outcome;
  }

  async ended(): Promise<void> {
    await this.until(() => this.outcome !== "open");
  }

  private async until(done: () => boolean): Promise<void> {
    while (!done()) {
      if (this.outcome !== "open" && this.outcome !== "ended")
        throw new Error(`The connection is over: ${this.outcome}; got ${JSON.stringify(this.text)}`);
      await new Promise<void>((resolve) => {
        this.changed = resolve;
      });
    }
  }

  onData(_socket: Socket, chunk: Buffer): void {
    this.text += chunk.toString("latin1");
    this.changed?.();
  }
  onDrain(): void {}
  onEnd(): void {
    this.outcome = "ended";
    this.changed?.();
  }
  onClose(_socket: Socket, error: MeshError | null): void {
    this.outcome = error === null ? "closed" : error.code;
    this.changed?.();
  }
}

/** A server that hands out its connections in the order in which they came. */
export class WireServer {
  readonly listener: Listener;
  readonly port: number;
  private readonly ready: Wire[] = [];
  private readonly waiting: Array<(wire: Wire) => void> = [];
  accepted = 0;

  constructor(upgrade?: (socket: Socket, done: (secure: Socket) => void) => void) {
    this.listener = listen({ ip: "127.0.0.1", port: 0 }, (socket) => {
      this.accepted++;
      if (upgrade === undefined) this.give(socket);
      else upgrade(socket, (secure) => this.give(secure));
    });
    this.port = this.listener.addr.port;
  }

  private give(socket: Socket): void {
    const wire = new Wire(socket);
    const next = this.waiting.shift();
    if (next === undefined) this.ready.push(wire);
    else next(wire);
  }

  next(): Promise<Wire> {
    const wire = this.ready.shift();
    if (wire !== undefined) return Promise.resolve(wire);
    return new Promise((resolve) => {
      this.waiting.push(resolve);
    });
  }
}

export function dial(port: number, tls?: ClientTls): Promise<Wire> {
  return new Promise((resolve, reject) => {
    connect(
      { ip: "127.0.0.1", port, timeout: 5_000, ...(tls === undefined ? {} : { tls }) },
      { onOpen: (socket) => resolve(new Wire(socket)), onFail: reject },
    );
  });
}

/** How a connection ends that may be over before its client has seen it open. */
export async function endOf(client: Promise<Wire>): Promise<string> {
  try {
    return await (await client).end();
  } catch (thrown) {
    if (thrown instanceof MeshError) return thrown.code;
    throw thrown;
  }
}
