import { http2Limits, type Http2Limits } from "#wire/http2/limits.ts";
import { BufferPool } from "#wire/http2/out-buffer.ts";

/** What the HTTP/2 connections of one direction share. */
export interface Http2Context {
  readonly pool: BufferPool;
  readonly limits: Http2Limits;
  /** Pings of a client's or a peer proxy's connection when it is silent, ms: a peer that is gone is found. Linkerd: 10 s, 3 s. */
  readonly keepalive: { readonly interval: number; readonly timeout: number };
}

export function createHttp2Context(): Http2Context {
  return { pool: new BufferPool(32_768, 16), limits: http2Limits(), keepalive: { interval: 10_000, timeout: 3000 } };
}
