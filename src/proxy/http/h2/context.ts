import { http2Limits, type Http2Limits } from "#wire/http2/limits.ts";
import { ProxyHttp2Counts } from "./counts.ts";
import { HeadMemory } from "./head-memory.ts";
import { BufferPool } from "#wire/http2/out-buffer.ts";

/** What the HTTP/2 connections of one direction share. */
export interface Http2Context {
  readonly pool: BufferPool;
  /** Of connections with one client behind them, and of those that many share: to servers and between proxies. */
  readonly ownLimits: Http2Limits;
  readonly sharedLimits: Http2Limits;
  /** Of connections to servers: as shared ones, and a response whose head is too large ends alone. */
  readonly serverLimits: Http2Limits;
  readonly heads: HeadMemory;
  readonly counts: ProxyHttp2Counts;
  /** When output of a shared connection goes out. */
  readonly deferShared: (run: () => void) => void;
  /** Pings of a client's or a peer proxy's connection when it is silent, ms: a peer that is gone is found. Linkerd: 10 s, 3 s. */
  readonly keepalive: { readonly interval: number; readonly timeout: number };
}

/**
 * Requests at a time of one connection: as many as our control plane takes, whose clients keep a stream open for everything
 * that they follow. Over all connections the direction's limit of requests counts.
 */
const maxConcurrentStreams = 4096;
/**
 * Requests that clients give up, of a connection that many share: one of them with all of its streams may go away, again
 * and again, and the others must not lose theirs.
 */
const sharedResets = { burst: 4 * maxConcurrentStreams, perSecond: maxConcurrentStreams };

/**
 * Bytes of one connection that nobody has read, and that wait to be sent; what sources had read already comes on top. It is
 * the windows of 128 streams, so that as many may stand still before others feel it.
 */
const maxKept = 8 * 1024 * 1024;

/**
 * A head over maxHeaderListBytes ends its stream, but one whose bytes are not even read ends the connection, and with it everybody's
 * requests. Servers send heads that are too large by mistake, and few of them more than this.
 */
const responseHeads = { maxHeaderBlockBytes: 1024 * 1024, maxContinuations: 64 };

/** @param stripResponse response headers that don't pass */
export function createHttp2Context(stripResponse: ReadonlySet<string>): Http2Context {
  const shared = { maxConcurrentStreams, queuedBytes: maxKept, freeBytes: maxKept, resets: sharedResets };
  return {
    pool: new BufferPool(32_768, 16),
    ownLimits: http2Limits({ maxConcurrentStreams, queuedBytes: maxKept }),
    sharedLimits: http2Limits(shared),
    serverLimits: http2Limits({ ...shared, ...responseHeads }),
    heads: new HeadMemory(stripResponse),
    counts: new ProxyHttp2Counts(),
    deferShared: setImmediate,
    keepalive: { interval: 10_000, timeout: 3000 },
  };
}
