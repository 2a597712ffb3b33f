/** What a parsed HTTP/1 head says. Heads may be shared between connections (see `head-cache.ts`): treat them as frozen but for `shared` and `forwarded`. */

/** How the length of a message body is known (RFC 9112 §6.3). */
export type BodyKind =
  /** There is none. */
  | "none"
  /** `length` bytes. */
  | "length"
  /** Chunked transfer coding. */
  | "chunked"
  /** Everything up to the end of the connection; responses only. */
  | "close";

/** Header fields as name, value, name, value, …: names in lower case, values trimmed, both latin1, in the order received. */
export type FlatHeaders = readonly string[];

/** A request line and its header section. */
export interface RequestHead {
  /** As received: methods are case-sensitive. */
  readonly method: string;
  /** The request target as received: origin-form, absolute-form, authority-form (CONNECT) or "*". */
  readonly target: string;
  /** Path and query without the authority of an absolute-form target; "" for CONNECT; "/" when an absolute-form target has none. */
  readonly path: string;
  /** Host and optional port in lower case: from an absolute-form or authority-form target, else from Host; "" when there is none. */
  readonly authority: string;
  /** The minor version: 1 for HTTP/1.1, 0 for HTTP/1.0. */
  readonly minor: 0 | 1;
  readonly headers: FlatHeaders;
  /** The names of `headers` as they were spelled, one per pair: forwarding keeps their case. */
  readonly rawNames: readonly string[];
  readonly body: "none" | "length" | "chunked";
  /** The content length when `body` is "length", else 0. */
  readonly length: number;
  /** Whether the sender lets the connection live on (RFC 9112 §9.3). */
  readonly keepAlive: boolean;
  /** The requested protocol in lower case when Connection names Upgrade, else null. */
  readonly upgrade: string | null;
  /** The sender waits for 100 (RFC 9110 §10.1.1). Never true for HTTP/1.0. */
  readonly expectContinue: boolean;
  /** Header names that Connection nominates, in lower case; removed with the other hop-by-hop fields. */
  readonly connectionNames: readonly string[];
  /** True when a head cache may hand this object out again: then derived bytes are worth keeping in `forwarded`. */
  shared: boolean;
  /** Bytes derived by the one forwarder that uses the head's cache: its private slot. */
  forwarded: Uint8Array | null;
}

/** A status line and its header section. */
export interface ResponseHead {
  /** 100–599. */
  readonly status: number;
  readonly reason: string;
  readonly minor: 0 | 1;
  readonly headers: FlatHeaders;
  readonly rawNames: readonly string[];
  /** As the header fields say, before the request's method and the status are considered; see `responseBody`. */
  readonly body: BodyKind;
  readonly length: number;
  readonly keepAlive: boolean;
  readonly upgrade: string | null;
  readonly connectionNames: readonly string[];
  shared: boolean;
  forwarded: Uint8Array | null;
}

/** The value of the first header of that name (lower case), or null. */
export function header(headers: FlatHeaders, name: string): string | null {
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index] === name) return headers[index + 1] ?? null;
  }
  return null;
}

/** Whether a message is gRPC's, by its content-type (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). */
export function isGrpc({ headers }: { readonly headers: FlatHeaders }): boolean {
  return header(headers, "content-type")?.startsWith("application/grpc") ?? false;
}

/** A request's path without its query. */
export function pathOnly(path: string): string {
  const question = path.indexOf("?");
  return question < 0 ? path : path.slice(0, question);
}

/** The body that a response has once the request's method is known (RFC 9112 §6.3, rules 1 and 2). */
export function responseBody(head: ResponseHead, method: string): BodyKind {
  if (method === "HEAD" || head.status < 200 || head.status === 204 || head.status === 304) return "none";
  if (method === "CONNECT" && head.status < 300) return "none";
  return head.body;
}
