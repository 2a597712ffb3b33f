import type { Clock } from "#lib/clock.ts";
import { HeadCache } from "#wire/http1/head-cache.ts";
import { defaultHttp1Limits } from "#wire/http1/limits.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { parseResponseHead } from "#wire/http1/parse-response.ts";
import type { HttpContext } from "./exchange.ts";
import { createHttp2Context } from "./h2/context.ts";
import { BufferPool, Flusher } from "./out-buffer.ts";

/** What the HTTP connections of one direction share. Forwarded heads are kept in its caches, so it must not serve two sets of rules. */
export function createHttpContext(clock: Clock, stripResponse: ReadonlySet<string>): HttpContext {
  const limits = defaultHttp1Limits;
  return {
    clock,
    flusher: new Flusher(),
    buffers: new BufferPool(),
    requests: new HeadCache((text) => parseRequestHead(text, limits)),
    responses: new HeadCache((text) => parseResponseHead(text, limits)),
    limits,
    http2: createHttp2Context(stripResponse),
    stripResponse,
  };
}
