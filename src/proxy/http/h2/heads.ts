/**
 * Heads of HTTP/2 as the rest of the proxy knows them, and back. A head that came by HTTP/2 keeps its block, so that one
 * that goes on by HTTP/2 unchanged is the same object, whose bytes the encoder may remember.
 */
import { forbiddenTrailers } from "#wire/http1/body-decoder.ts";
import type { BodyKind, FlatHeaders, RequestHead, ResponseHead } from "#wire/http1/head.ts";
import { reasonPhrase } from "#wire/http1/serialise.ts";
import { blockWithFields, type HeaderBlock, requestBlock, responseBlock } from "#wire/http2/header-block.ts";
import { hopByHop, keptFields, meshPrefix } from "../rewrite.ts";

const none: FlatHeaders = [];

/**
 * Says, between proxies, that a request of HTTP/1 comes by HTTP/2: "HTTP/1.1" or "HTTP/1.0", with "; absolute-form" when
 * its target was an URL. In a response: the version of the server's answer.
 */
export const origProto = "l5d-orig-proto";
const absoluteForm = "; absolute-form";

/** A request that came by HTTP/2. */
export class BlockRequest implements RequestHead {
  readonly block: HeaderBlock;
  readonly method: string;
  readonly target: string;
  readonly path: string;
  readonly authority: string;
  readonly minor: 0 | 1;
  readonly body: "none" | "length" | "chunked";
  readonly length: number;
  readonly keepAlive = true;
  readonly upgrade = null;
  readonly expectContinue = false;
  readonly connectionNames = none;
  shared = false;
  forwarded: Uint8Array | null = null;
  private list: FlatHeaders | null = null;

  /**
   * @param fin the head is all of it
   * @param origProto how it came to the proxy that sent it ({@link origProto}); "" for a request of HTTP/2
   */
  constructor(block: HeaderBlock, fin: boolean, origProto = "") {
    this.block = block;
    this.method = block.method;
    this.authority = (block.authority === "" ? (block.get("host") ?? "") : block.authority).toLowerCase();
    this.path = block.path;
    this.target = origProto.endsWith(absoluteForm) ? `http://${this.authority}${block.path}` : block.path;
    this.body = fin ? "none" : block.contentLength >= 0 ? "length" : "chunked";
    // A body without a length is none in HTTP/1.0.
    this.minor = origProto.startsWith("HTTP/1.0") && this.body !== "chunked" ? 0 : 1;
    this.length = Math.max(0, block.contentLength);
  }

  /** As HTTP/1 has them: with Host, and with one Cookie (RFC 9113 §8.2.3). */
  get headers(): FlatHeaders {
    this.list ??= ["host", this.block.authority || this.authority, ...withOneCookie(without(this.block, "host"))];
    return this.list;
  }

  get rawNames(): readonly string[] {
    return this.headers.filter((_, index) => index % 2 === 0);
  }
}

/** A response that came by HTTP/2. */
export class BlockResponse implements ResponseHead {
  readonly block: HeaderBlock;
  readonly status: number;
  readonly minor = 1;
  readonly body: BodyKind;
  readonly length: number;
  readonly keepAlive = true;
  readonly upgrade = null;
  readonly connectionNames = none;
  shared = false;
  forwarded: Uint8Array | null = null;
  private list: FlatHeaders | null = null;

  constructor(block: HeaderBlock, fin: boolean) {
    this.block = block;
    this.status = block.status;
    this.body = fin ? "none" : block.contentLength >= 0 ? "length" : "chunked";
    this.length = Math.max(0, block.contentLength);
  }

  get reason(): string {
    return reasonPhrase(this.status);
  }

  get headers(): FlatHeaders {
    this.list ??= this.block.fields.slice(this.block.regularStart);
    return this.list;
  }

  get rawNames(): readonly string[] {
    return this.headers.filter((_, index) => index % 2 === 0);
  }
}

function without(block: HeaderBlock, name: string): string[] {
  const out: string[] = [];
  for (let at = block.regularStart; at < block.fields.length; at += 2) {
    if (block.fields[at] !== name) out.push(block.fields[at] ?? "", block.fields[at + 1] ?? "");
  }
  return out;
}

function withOneCookie(fields: string[]): string[] {
  const first = fields.indexOf("cookie");
  // Values stand at odd places; a value "cookie" is not a name.
  if (first < 0 || fields.indexOf("cookie", first + 1) < 0) return fields;
  const out: string[] = [];
  let joined = -1;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] ?? "";
    const value = fields[at + 1] ?? "";
    if (name === "cookie" && joined >= 0) {
      out[joined] += `; ${value}`;
      continue;
    }
    if (name === "cookie") joined = out.length + 1;
    out.push(name, value);
  }
  return out;
}

/**
 * The block to send to a server: without the mesh's own headers, which are believed from nobody, and with `extra`.
 * @param authority replaces :authority, or null
 */
export function requestToSend(head: RequestHead, extra: FlatHeaders, authority: string | null): HeaderBlock {
  if (!(head instanceof BlockRequest)) {
    const line = { method: head.method, scheme: "http", authority: authority ?? head.authority, path: head.path };
    const form = head.target === head.path ? "" : absoluteForm;
    return requestBlock(line, [...passing(head, true), ...extra, origProto, `HTTP/1.${head.minor}${form}`]);
  }
  const { block } = head;
  const { fields, regularStart } = block;
  let changed = extra.length > 0 || authority !== null;
  for (let at = regularStart; at < fields.length && !changed; at += 2)
    changed = fields[at]?.startsWith(meshPrefix) ?? false;
  if (!changed) return block;
  const { method, scheme, path } = block;
  const all: string[] = [":method", method, ":scheme", scheme];
  if (authority !== null || block.authority !== "") all.push(":authority", authority ?? block.authority);
  all.push(":path", path);
  const start = all.length;
  for (let at = regularStart; at < fields.length; at += 2) {
    const name = fields[at] ?? "";
    if (name.startsWith(meshPrefix) || (authority !== null && name === "host")) continue;
    all.push(name, fields[at + 1] ?? "");
  }
  for (const text of extra) all.push(text);
  // Every field was judged when it came, so it need not be judged again.
  return blockWithFields(block, all, start, authority === null ? {} : { authority });
}

/**
 * The request as it was before a proxy made it one of HTTP/2, to be sent by HTTP/1; null when it is that already, as
 * nearly all are.
 */
export function restoredRequest({ block, body }: BlockRequest): BlockRequest | null {
  const value = block.get(origProto) ?? "";
  return value === "" || value === "HTTP/1.1" ? null : new BlockRequest(block, body === "none", value);
}

/** The answer of a server of HTTP/1 to such a request, for the proxy that sent it. */
export function restoredResponse(head: ResponseHead, strip: ReadonlySet<string>): HeaderBlock {
  return responseBlock(head.status, [...passing(head, false, strip), origProto, `HTTP/1.${head.minor}`]);
}

/**
 * The block to send to a client.
 * @param strip names to remove
 */
export function responseToSend(head: ResponseHead, strip: ReadonlySet<string>): HeaderBlock {
  if (!(head instanceof BlockResponse)) return responseBlock(head.status, passing(head, false, strip));
  const { block } = head;
  const { fields, regularStart } = block;
  let changed = false;
  for (let at = regularStart; at < fields.length && !changed; at += 2) changed = strip.has(fields[at] ?? "");
  if (!changed) return block;
  const left: string[] = fields.slice(0, regularStart);
  for (let at = regularStart; at < fields.length; at += 2) {
    const name = fields[at] ?? "";
    if (!strip.has(name)) left.push(name, fields[at + 1] ?? "");
  }
  return blockWithFields(block, left, regularStart);
}

/** Fields of an HTTP/1 head that HTTP/2 may carry (RFC 9113 §8.2.2). */
function passing(
  head: Pick<RequestHead, "headers" | "connectionNames">,
  request: boolean,
  strip?: ReadonlySet<string>,
): string[] {
  const out: string[] = [];
  for (let at = 0; at < head.headers.length; at += 2) {
    const name = head.headers[at] ?? "";
    if (hopByHop.has(name) || strip?.has(name) === true) continue;
    if (head.connectionNames.includes(name) && !keptFields.has(name)) continue;
    if (request && (name === "host" || name.startsWith(meshPrefix))) continue;
    out.push(name, head.headers[at + 1] ?? "");
  }
  return out;
}

/** Whether trailers could change what a message means where it goes on by HTTP/1 (RFC 9110 §6.5.1). */
export function forbiddenIn(trailers: FlatHeaders): boolean {
  for (let at = 0; at < trailers.length; at += 2) if (forbiddenTrailers.has(trailers[at] ?? "")) return true;
  return false;
}

/** The status of a gRPC response in its trailers or, when it has nothing else, in its head; -1 when there is none. */
export function grpcStatusOf(fields: FlatHeaders): number {
  for (let at = 0; at < fields.length; at += 2) {
    if (fields[at] !== "grpc-status") continue;
    const value = Number(fields[at + 1]);
    return Number.isInteger(value) && value >= 0 && value <= 16 ? value : 2;
  }
  return -1;
}
