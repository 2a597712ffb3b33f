/** Whole HTTP/2 exchanges in memory, with small windows, small sockets and every kind of end, by seeded chance. */
import { expect, test } from "bun:test";
import type { ConnectHandler, Socket } from "#lib/net/socket.ts";
import { Happenings, memoryPair } from "#lib/net/testing/memory-socket.ts";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { Http2Socket, type Http2SocketHandler } from "#rpc/http2-socket.ts";
import { requestBlock, responseBlock, trailerBlock, type HeaderBlock } from "#wire/http2/header-block.ts";
import { http2Limits } from "#wire/http2/limits.ts";
import { BufferPool } from "#wire/http2/out-buffer.ts";
import type { Http2Stream, StreamHandler } from "#wire/http2/stream.ts";
import { createHttpContext } from "../context.ts";
import type { HttpContext } from "../exchange.ts";
import type { RequestHandler } from "../request-handler.ts";
import { CountingTransport } from "../testing/cells.ts";
import type { ProxyHttp2Counts } from "./counts.ts";
import { Http2Pool } from "./pool.ts";
import { ServerSession } from "./server-session.ts";

const grpc = ["content-type", "application/grpc"];
const small = { streamWindow: 2000, connectionWindow: 65_535, outHighWater: 3000, queuedBytes: 100 };

/** One side of one request: what it got, and how much of that it has not consumed. */
class Side implements StreamHandler {
  stream: Http2Stream | null = null;
  got = "";
  status = 0;
  trailers = "";
  ended = false;
  reset = -1;
  sent = 0;
  private readonly reading: () => boolean;
  private unconsumed = 0;
  /** What it still has to send; null when its end is sent. */
  left: string | null;
  private readonly afterEnd: boolean;

  /** `afterEnd`: ends only after the other side has. */
  constructor(left: string | null, reading: () => boolean, afterEnd = false) {
    this.left = left;
    this.reading = reading;
    this.afterEnd = afterEnd;
  }

  onHeaders(_stream: Http2Stream, block: HeaderBlock, fin: boolean): void {
    this.status = block.status;
    if (fin) this.ended = true;
  }
  onData(_stream: Http2Stream, bytes: Buffer, start: number, end: number, fin: boolean): void {
    this.got += bytes.toString("latin1", start, end);
    this.unconsumed += end - start;
    if (fin) this.ended = true;
    this.consume();
  }
  onTrailers(_stream: Http2Stream, block: HeaderBlock): void {
    this.trailers = block.fields.join();
    this.ended = true;
  }
  onSent(): void {}
  onReset(_stream: Http2Stream, { code }: { code: number }): void {
    this.reset = code;
  }

  consume(): void {
    if (!this.reading() || this.unconsumed === 0) return;
    this.stream?.consume(this.unconsumed);
    this.unconsumed = 0;
  }

  /** Sends a part of what is left, or the end. */
  send(length: number, withTrailers: boolean): void {
    const { left, stream } = this;
    if (left === null || stream === null || stream.closed || stream.queued > 4000) return;
    // A server that ends before its client has would make the rest of the request worthless.
    if (this.afterEnd && !this.ended && length >= left.length) return;
    const part = Buffer.from(left.slice(0, length), "latin1");
    this.sent += part.length;
    const rest = left.slice(length);
    this.left = rest === "" ? null : rest;
    if (rest === "" && withTrailers) {
      if (part.length > 0) stream.sendData(part, 0, part.length, false);
      stream.sendTrailers(trailerBlock(["grpc-status", "0"]));
    } else stream.sendData(part, 0, part.length, rest === "");
  }
}

class World {
  readonly clock = new FakeClock();
  readonly happenings = new Happenings();
  readonly cells = new CountingTransport();
  readonly serverCells = new CountingTransport();
  readonly requests: Side[] = [];
  readonly responses = new Map<number, Side>();
  readonly sockets: Socket[] = [];
  readonly servers: Http2Socket[] = [];
  readonly client: Http2Socket;
  readonly pool: Http2Pool;
  readonly session: ServerSession;
  readonly counts: ProxyHttp2Counts;
  started = 0;
  endings = 0;
  closed = false;
  reading = true;
  held: Array<() => void> | null = null;

  constructor(room: number) {
    const made = createHttpContext(this.clock, new Set());
    const sharedLimits = http2Limits({ ...small, freeBytes: 10_000 });
    const limits = { ownLimits: http2Limits(small), sharedLimits, serverLimits: sharedLimits };
    this.counts = made.http2.counts;
    const context: HttpContext = { ...made, http2: { ...made.http2, ...limits, deferShared: queueMicrotask } };
    const options = { clock: this.clock, pool: new BufferPool(), limits: http2Limits(small), keepalive: null };
    const accept = (socket: Socket): void => {
      const handler: Http2SocketHandler = {
        onRequest: (stream, block, fin) => {
          const side = new Side("", () => this.reading, true);
          side.stream = stream;
          side.ended = fin;
          this.responses.set(Number(block.get("x-number")), side);
          return side;
        },
        onRoom() {},
        onGoaway() {},
        onClosed() {},
      };
      this.servers.push(new Http2Socket(socket, { ...options, role: "server" }, handler));
    };
    const dial = (handler: ConnectHandler): { cancel(): void } => {
      const open = (): void => {
        const { client, server } = memoryPair({ happenings: this.happenings, capacity: room });
        this.sockets.push(client, server);
        accept(server);
        handler.onOpen(client);
      };
      if (this.held === null) open();
      else this.held.push(open);
      return { cancel() {} };
    };
    const quiet = { onConnected() {}, onConnectFailed() {}, onEmpty() {} };
    this.pool = new Http2Pool({ dial, prologue: null, cells: this.serverCells, pings: false, ...quiet }, context);
    const handler = (): RequestHandler => ({
      onRequest: (request) => {
        this.started++;
        request.send(this.pool);
      },
      onUnsent: (request) => request.answer({ status: 503, headers: [], close: true }),
      onNoAnswer: (request) => request.answer({ status: 502, headers: [], close: true }),
      onResponse() {},
      onRequestBody() {},
      onResponseBody() {},
      onExchangeEnd: () => this.endings++,
      onAbandoned() {},
      onClosed() {},
    });
    const { client, server } = memoryPair({ happenings: this.happenings, capacity: room });
    this.sockets.push(client, server);
    const over = (): void => {
      this.closed = true;
    };
    this.session = new ServerSession(server, context, handler, this.cells, ["l5d-client-id", "a"], false, over);
    this.session.start(Buffer.alloc(0), false);
    const ignored = { onRequest: () => new Side(null, () => true), onRoom() {}, onGoaway() {}, onClosed() {} };
    this.client = new Http2Socket(client, { ...options, role: "client" }, ignored);
  }

  request(body: string): void {
    const number = this.requests.length;
    const side = new Side(body === "" ? null : body, () => this.reading);
    const line = { method: "POST", scheme: "http", authority: "a", path: "/" };
    const block = requestBlock(line, [...grpc, "x-number", String(number)]);
    side.stream = this.client.connection.request(block, body === "", side);
    if (side.stream !== null) this.requests.push(side);
  }

  /** Output goes out in microtasks, bytes move in happenings. */
  async run(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) {
      await Promise.resolve();
      this.happenings.run();
    }
  }
}

/** `gentle`: nobody resets, leaves or goes away, so that everything must arrive. */
async function live(seed: number, gentle: boolean): Promise<World> {
  const random = seededRandom(seed);
  const pick = (limit: number): number => Math.floor(random.next() * limit);
  const world = new World(300 + pick(4000));
  if (pick(3) === 0) world.held = [];
  for (let step = 0; step < 80; step++) {
    const request = world.requests[pick(world.requests.length)];
    const response = world.responses.get(pick(world.requests.length));
    const socket = world.sockets[pick(world.sockets.length)];
    switch (pick(14)) {
      case 0:
      case 1:
        world.request("q".repeat(pick(4) === 0 ? 0 : pick(6000)));
        break;
      case 2:
      case 3:
      case 4:
        request?.send(1 + pick(3000), pick(2) === 0);
        break;
      case 5:
        if (response !== undefined && response.left === "") {
          response.stream?.sendHeaders(responseBlock(200, grpc), false);
          response.left = "r".repeat(1 + pick(6000));
        }
        break;
      case 6:
      case 7:
      case 8:
        if (response !== undefined && response.left !== "") response.send(1 + pick(3000), pick(2) === 0);
        break;
      case 9:
        world.reading = !world.reading;
        for (const side of [...world.requests, ...world.responses.values()]) side.consume();
        break;
      case 10:
        if (pick(2) === 0) socket?.pause();
        else socket?.resume();
        break;
      case 11:
        for (const open of world.held?.splice(0) ?? []) open();
        world.held = null;
        break;
      case 12:
        world.clock.advance(pick(300));
        break;
      default:
        if (gentle) break;
        switch (pick(24)) {
          case 0:
            socket?.terminate();
            break;
          case 1:
          case 2:
            world.servers[pick(world.servers.length)]?.connection.drain();
            break;
          default:
            if (pick(3) > 0) request?.stream?.reset(8);
            else response?.stream?.reset(pick(2) === 0 ? 7 : 11);
        }
    }
    await world.run();
  }
  return world;
}

/** Everybody reads, and sends what is left. */
async function settle(world: World): Promise<void> {
  world.reading = true;
  for (const open of world.held?.splice(0) ?? []) open();
  world.held = null;
  for (let turn = 0; turn < 60; turn++) {
    for (const socket of world.sockets) socket.resume();
    for (const side of [...world.requests, ...world.responses.values()]) side.consume();
    for (const side of world.requests) side.send(2000, false);
    for (const side of world.responses.values()) {
      if (side.left === "") {
        side.stream?.sendHeaders(responseBlock(200, grpc), false);
        side.left = "r";
      }
      side.send(2000, true);
    }
    await world.run();
  }
}

test("when nobody breaks off, every request and every response arrives whole, whatever windows and sockets take", async () => {
  let crowded = 0;
  for (let seed = 1; seed <= 100; seed++) {
    const world = await live(seed, true);
    await settle(world);
    for (const [number, side] of world.requests.entries()) {
      const response = world.responses.get(number);
      const outcome = {
        seed,
        number,
        ended: side.ended,
        reset: side.reset,
        status: side.status,
        same: side.got !== "",
      };
      expect(outcome).toEqual({ seed, number, ended: true, reset: -1, status: 200, same: true });
      expect(response?.ended).toBe(true);
      expect([/^q*$/.test(response?.got ?? "x"), /^r+$/.test(side.got)]).toEqual([true, true]);
      expect([response?.got.length, side.got.length]).toEqual([side.sent, response?.sent]);
    }
    expect([world.started, world.endings]).toEqual([world.requests.length, world.requests.length]);
    crowded += world.counts.crowded;
    expect([world.counts.hoarders, world.counts.queuedBytes]).toEqual([0, 0]);
  }
  expect(crowded).toBeGreaterThan(100);
});

test("whatever clients and servers do, everything ends and nothing is left behind", async () => {
  let requests = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const world = await live(seed, false);
    await settle(world);
    for (const socket of world.sockets) {
      socket.resume();
      socket.terminate();
    }
    await world.run();
    world.clock.advance(120_000);
    await world.run();
    const { started, endings, closed, pool, clock, serverCells } = world;
    const left = {
      seed,
      ends: started - endings,
      closed,
      pool: pool.empty,
      timers: clock.timers,
      open: serverCells.open,
      queued: world.counts.queuedBytes,
    };
    expect(left).toEqual({ seed, ends: 0, closed: true, pool: true, timers: 0, open: 0, queued: 0 });
    requests += started;
  }
  expect(requests).toBeGreaterThan(1000);
});
