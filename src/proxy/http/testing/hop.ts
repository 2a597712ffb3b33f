/** One client connection, the drivers of both sides and servers in memory. */
import { MeshError } from "#lib/errors.ts";
import type { Socket } from "#lib/net/socket.ts";
import { Happenings, memoryPair, type MemoryPairOptions, type MemorySocket } from "#lib/net/testing/memory-socket.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import type { RequestHead } from "#wire/http1/head.ts";
import { createHttpContext } from "../context.ts";
import type { ErrorAnswer } from "../ports.ts";
import { HttpPool } from "../pool.ts";
import type { ExchangeEnd, RequestHandler } from "../request-handler.ts";
import { ServerConnection } from "../server-connection.ts";
import { CountingTransport } from "./cells.ts";

/** The far end of a socket pair: remembers what came. */
export class FarEnd {
  readonly socket: MemorySocket;
  received = "";
  ended = false;
  closed: string | null = null;

  constructor(socket: MemorySocket) {
    this.socket = socket;
    socket.handler = {
      onData: (_socket: Socket, chunk: Buffer) => {
        this.received += chunk.toString("latin1");
      },
      onDrain() {},
      onEnd: () => {
        this.ended = true;
      },
      onClose: (_socket: Socket, error: MeshError | null) => {
        this.closed = error === null ? "closed" : error.code;
      },
    };
  }

  /** What came since the last call. */
  take(): string {
    const text = this.received;
    this.received = "";
    return text;
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, "latin1"), 0, text.length);
  }
}

export interface HopOptions {
  readonly room?: number;
  readonly extra?: readonly string[];
  /** Answers the request instead of the server. */
  readonly answer?: (head: RequestHead) => ErrorAnswer | null;
}

export class Hop {
  readonly clock = new FakeClock();
  readonly context = createHttpContext(this.clock, new Set(["l5d-proxy-error"]));
  readonly clientCells = new CountingTransport();
  readonly serverCells = new CountingTransport();
  readonly client: FarEnd;
  /** Every server connection that was made, in order. */
  readonly servers: FarEnd[] = [];
  readonly pool: HttpPool;
  readonly connection: ServerConnection;
  readonly ends: Array<readonly [status: number, end: ExchangeEnd]> = [];
  closed = false;
  /** Fails this many connection attempts. */
  refuse = 0;
  /** Connection attempts wait for `open`. */
  held = false;
  private readonly opens: Array<() => void> = [];
  private readonly happenings = new Happenings();

  constructor(options: HopOptions = {}) {
    const pairOptions: MemoryPairOptions = { capacity: options.room ?? 1 << 20, happenings: this.happenings };
    this.pool = new HttpPool(
      {
        dial: (handler) => {
          const open = (): void => {
            if (this.refuse > 0) {
              this.refuse--;
              handler.onFail(new MeshError("connection-refused", "Connect: refused"));
              return;
            }
            const { client, server } = memoryPair(pairOptions);
            this.servers.push(new FarEnd(server));
            handler.onOpen(client);
          };
          if (this.held) this.opens.push(open);
          else open();
          return { cancel() {} };
        },
        prologue: null,
        cells: this.serverCells,
        idleTimeout: 3_000,
        maxIdle: 100,
        onConnected() {},
        onConnectFailed() {},
        onEmpty() {},
      },
      this.context,
    );
    const handler: RequestHandler = {
      onRequest: (connection, head) => {
        const answer = options.answer?.(head) ?? null;
        if (answer === null) connection.send(this.pool);
        else connection.answer(answer);
      },
      onUnsent: (connection) => connection.answer({ status: 504, headers: [], close: true }),
      onNoAnswer: (connection) => connection.answer({ status: 502, headers: ["l5d-proxy-error", "x"], close: true }),
      onResponse() {},
      onRequestBody() {},
      onResponseBody() {},
      onExchangeEnd: (status, end) => this.ends.push([status, end]),
      onAbandoned() {},
      onClosed: () => {
        this.closed = true;
      },
    };
    const { client, server } = memoryPair(pairOptions);
    this.client = new FarEnd(client);
    this.connection = new ServerConnection(server, this.context, handler, this.clientCells, options.extra ?? []);
    this.connection.start(Buffer.alloc(0), false);
  }

  /** Lets everything happen. */
  run(): this {
    this.happenings.run();
    return this;
  }

  open(): void {
    this.held = false;
    for (const open of this.opens.splice(0)) open();
    this.run();
  }

  server(index: number): FarEnd {
    const end = this.servers[index];
    if (end === undefined) throw new Error(`There is no server connection ${index}`);
    return end;
  }

  /** Sends from the client, lets it arrive, gives what the server of that index got. */
  request(text: string, index = 0): string {
    this.client.send(text);
    this.run();
    return this.server(index).take();
  }

  /** Sends from a server, lets it arrive, gives what the client got. */
  respond(text: string, index = 0): string {
    this.server(index).send(text);
    this.run();
    return this.client.take();
  }
}
