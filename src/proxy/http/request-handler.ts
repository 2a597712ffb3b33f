import type { MeshError } from "#lib/errors.ts";
import type { RequestHead, ResponseHead } from "#wire/http1/head.ts";
import type { UpstreamPool } from "./exchange.ts";
import type { ErrorAnswer } from "./ports.ts";

/** How an exchange ended. */
export type ExchangeEnd =
  /** The response went out in full, be it the server's or ours. */
  | "complete"
  /** The response broke off. */
  | "broken"
  /** The client went away. */
  | "client-gone";

/** The request under way, for whoever decides about it. */
export interface RequestControl {
  /** Replaces Host; null: as it came. Set it before `send`. */
  authority: string | null;
  /** Sends this head on instead of the one that came; it has the same body. */
  replace(head: RequestHead): void;
  /** Sends the request by a connection of `pool`. */
  send(pool: UpstreamPool): void;
  /** Answers it. */
  answer(answer: ErrorAnswer): void;
  /** Cuts the client's connection, or its stream, instead of answering; while nothing serves the request. */
  reset(): void;
}

/** Decides about requests, one at a time: those of an HTTP/1 connection, or one of an HTTP/2 connection. Each ends in `onExchangeEnd`. */
export interface RequestHandler {
  /** A request's head came. Call `send` or `answer`, now or later. */
  onRequest(request: RequestControl, head: RequestHead): void;
  /** The pool could make no connection; nothing was sent. Call `send` or `answer`. */
  onUnsent(request: RequestControl, error: MeshError): void;
  /** The server broke the exchange before its answer. Call `answer`. */
  onNoAnswer(request: RequestControl, error: MeshError): void;
  /** The response's head came. */
  onResponse(head: ResponseHead): void;
  /** So many bytes of the request's body went on, or of the response's came: per chunk, never 0. */
  onRequestBody(bytes: number): void;
  onResponseBody(bytes: number): void;
  /** `status` is 0 when no response was begun. `grpcStatus`: what a gRPC response said, or -1. */
  onExchangeEnd(status: number, end: ExchangeEnd, grpcStatus: number): void;
  /** The client is gone while the request waits for the handler's `send` or `answer`. */
  onAbandoned(): void;
  /** An HTTP/1 connection is over, also when it became a tunnel. Last, exactly once. */
  onClosed(error: MeshError | null): void;
}
