import { type ConnectionHandler, Http2Connection } from "../connection.ts";
import { Http2Counts } from "../counts.ts";
import { type Http2Limits, http2Limits } from "../limits.ts";
import { BufferPool } from "../out-buffer.ts";
import type { HeaderBlock } from "../header-block.ts";
import type { Http2Stream, Reset, StreamHandler } from "../stream.ts";

/** What a recorder saw, one line an event. */
export class Recorder implements ConnectionHandler, StreamHandler {
  readonly events: string[] = [];
  readonly bodies = new Map<number, Buffer[]>();
  readonly streams: Http2Stream[] = [];
  /** Whether data is consumed at once. */
  consume = true;
  request: (stream: Http2Stream, block: HeaderBlock, fin: boolean) => void = () => {};
  data: (stream: Http2Stream, fin: boolean) => void = () => {};
  sent: (stream: Http2Stream, bytes: number) => void = () => {};

  onRequest(stream: Http2Stream, block: HeaderBlock, fin: boolean): StreamHandler {
    this.streams.push(stream);
    this.events.push(`request ${stream.id} ${block.fields.join(",")}${fin ? " fin" : ""}`);
    this.request(stream, block, fin);
    return this;
  }
  onHeaders(stream: Http2Stream, block: HeaderBlock, fin: boolean): void {
    this.events.push(`headers ${stream.id} ${block.fields.join(",")}${fin ? " fin" : ""}`);
  }
  onData(stream: Http2Stream, bytes: Buffer, start: number, end: number, fin: boolean): void {
    const body = this.bodies.get(stream.id) ?? [];
    this.bodies.set(stream.id, body);
    body.push(bytes.subarray(start, end));
    if (fin) this.events.push(`end ${stream.id} ${body.reduce((sum, piece) => sum + piece.length, 0)}`);
    if (this.consume) stream.consume(end - start);
    this.data(stream, fin);
  }
  onTrailers(stream: Http2Stream, block: HeaderBlock): void {
    this.events.push(`trailers ${stream.id} ${block.fields.join(",")}`);
  }
  onSent(stream: Http2Stream, bytes: number): void {
    this.sent(stream, bytes);
  }
  onReset(stream: Http2Stream, { code, refused, lost }: Reset): void {
    this.events.push(`reset ${stream.id} ${code}${refused ? " refused" : ""}${lost === null ? "" : " lost"}`);
  }
  onOutput(): void {}
  onSettings(): void {
    this.events.push("settings");
  }
  onStreamClosed(stream: Http2Stream): void {
    this.events.push(`closed ${stream.id}`);
  }
  /** Of the connection, and of a stream. */
  onCrowded(stream?: Http2Stream): void {
    this.events.push(stream === undefined ? "crowded" : `${stream.crowded ? "crowded" : "eased"} ${stream.id}`);
  }
  onPong(payload: number): void {
    this.events.push(`pong ${payload}`);
  }
  onGoaway(code: number, debug: string): void {
    this.events.push(`goaway ${code} ${debug}`);
  }
  onFinished(): void {
    this.events.push("finished");
  }
  onFailed(error: Error): void {
    this.events.push(`failed ${error.message}`);
  }
  body(id: number): Buffer {
    return Buffer.concat(this.bodies.get(id) ?? []);
  }
  take(): string[] {
    return this.events.splice(0);
  }
}

/** One end: a connection whose output lands in `wire`. */
export interface End {
  readonly connection: Http2Connection;
  readonly recorder: Recorder;
  readonly wire: Buffer[];
  /** Like a full socket: nothing is taken while set. */
  stalled: boolean;
  /** Takes everything that was written. */
  written(): Buffer;
}

export function createEnd(
  role: "client" | "server",
  limits: Partial<Http2Limits> = {},
  counts = new Http2Counts(),
): End {
  const wire: Buffer[] = [];
  const recorder = new Recorder();
  const sink = {
    write(data: Uint8Array, offset: number, length: number): number {
      if (end.stalled) return 0;
      wire.push(Buffer.from(data.subarray(offset, offset + length)));
      return length;
    },
  };
  const connection = new Http2Connection({
    role,
    handler: recorder,
    sink,
    now: 0,
    pool: new BufferPool(),
    limits: http2Limits(limits),
    counts,
  });
  const end: End = {
    connection,
    recorder,
    wire,
    stalled: false,
    written() {
      connection.flush();
      return Buffer.concat(wire.splice(0));
    },
  };
  return end;
}

/** A client and a server joined back to back. `run` carries bytes until nothing moves, in pieces of `size` if given. */
export function createPair(clientLimits: Partial<Http2Limits> = {}, serverLimits: Partial<Http2Limits> = {}) {
  const client = createEnd("client", clientLimits);
  const server = createEnd("server", serverLimits);
  const carry = (from: End, to: End, size: number): boolean => {
    const bytes = from.written();
    for (let at = 0; at < bytes.length; at += size)
      to.connection.receive(Buffer.from(bytes.subarray(at, at + size)), 0);
    return bytes.length > 0;
  };
  return {
    client,
    server,
    run(size = Number.POSITIVE_INFINITY): void {
      for (let moved = true; moved;) {
        const there = carry(client, server, size);
        const back = carry(server, client, size);
        moved = there || back;
      }
    },
  };
}
