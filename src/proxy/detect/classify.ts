/**
 * What a connection speaks, by its first bytes.
 *
 * The bias: HTTP only on proof. A connection is HTTP/1 once a whole request line with an HTTP/1 version came, or a
 * kilobyte that so far can only be one; HTTP/2 once 14 bytes of its preface came; TLS once the ClientHello is complete.
 * Everything else, and everything undecided when time is up or the client stops, is opaque: bytes are passed on as they
 * are, which is always right, only less is seen.
 */
import { isTargetChar, isTokenChar } from "#wire/http1/chars.ts";
import { readClientHello } from "#wire/tls-hello/client-hello.ts";

export type Detected =
  | { readonly kind: "tls"; readonly serverName: string | null; readonly alpn: readonly string[] }
  | { readonly kind: "http1" }
  | { readonly kind: "http2" }
  /** `begun`: the client went no further, and what it said may be the beginning of HTTP. */
  | { readonly kind: "opaque"; readonly begun: boolean };

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** As many bytes of the preface as prove it: "PRI * HTTP/2.0". */
const prefaceProof = 14;
const longestMethod = 24;
/** A request line longer than this is taken for one before its end came. */
const plausibleLine = 1_024;

const http1: Detected = { kind: "http1" };
const http2: Detected = { kind: "http2" };
export const opaque: Detected = { kind: "opaque", begun: false };
export const begunOnly: Detected = { kind: "opaque", begun: true };

/** Null: more bytes are needed. `tls`: whether TLS is looked for (not inside TLS, not where TLS was refused already). */
export function classify(bytes: Buffer, tls: boolean): Detected | null {
  if (bytes.length === 0) return null;
  if (bytes[0] === 22) {
    if (!tls) return opaque;
    const hello = readClientHello(bytes);
    if (hello.kind === "need-more") return null;
    return hello.kind === "not-tls" ? opaque : { kind: "tls", serverName: hello.serverName, alpn: hello.alpn };
  }
  const compared = Math.min(bytes.length, prefaceProof);
  if (bytes.compare(preface, 0, compared, 0, compared) === 0) return compared === prefaceProof ? http2 : null;
  return classifyHttp1(bytes);
}

/** What some server takes for a request target: no white space, nothing that controls but DEL. More than the grammar has. */
const lenientTarget = /^[^\0-\x20]+/;
/** A version and the line's end, with spaces before it as some servers let pass, and versions that some take for HTTP/1. */
const versionEnd = /^HTTP\/[0-9]{1,3}\.[0-9]{1,3}[\t ]{0,8}[\r\n]/;
/** A beginning of that. */
const versionBegun =
  /^(?:H|HT|HTT|HTTP|HTTP\/|HTTP\/[0-9]{1,3}|HTTP\/[0-9]{1,3}\.|HTTP\/[0-9]{1,3}\.[0-9]{1,3}[\t ]{0,8})?$/;
/** Longest that can match either. */
const longestVersion = 24;
/** Line ends that servers skip before a request (RFC 9112 §2.2 has one), and spaces between its parts: this many at most. */
const mostSkipped = 8;

/**
 * A request line that the grammar refuses and some server does not is HTTP/1 all the same: it gets 400. Passed on as opaque bytes
 * it would be a request that no policy and no metric sees.
 */
function classifyHttp1(bytes: Buffer): Detected | null {
  let at = 0;
  while (at < bytes.length && at < mostSkipped && (bytes[at] === 13 || bytes[at] === 10)) at++;
  const start = at;
  while (at < bytes.length && isTokenChar[bytes[at] ?? 0] === 1) at++;
  if (at - start > longestMethod) return opaque;
  if (at === bytes.length) return null;
  if ((bytes[at] !== 32 && bytes[at] !== 9) || at === start) return opaque;
  at = afterSpaces(bytes, at);
  if (at === bytes.length) return null;
  const targetStart = at;
  while (at < bytes.length && isTargetChar[bytes[at] ?? 0] === 1) at++;
  // Only what the grammar has is taken for a request line before its end came.
  if (at > plausibleLine && at === bytes.length) return http1;
  if (at < bytes.length && bytes[at] !== 32 && bytes[at] !== 9) {
    at = targetStart + (lenientTarget.exec(bytes.toString("latin1", targetStart, plausibleLine * 4))?.[0].length ?? 0);
  }
  if (at === bytes.length) return at > plausibleLine ? opaque : null;
  if ((bytes[at] !== 32 && bytes[at] !== 9) || at === targetStart) return opaque;
  at = afterSpaces(bytes, at);
  const version = bytes.toString("latin1", at, at + longestVersion);
  if (versionEnd.test(version)) return http1;
  return versionBegun.test(version) ? null : opaque;
}

/** Behind the spaces and tabs that begin at `at`, as far as there may be any. */
function afterSpaces(bytes: Buffer, at: number): number {
  let end = at;
  while (end < bytes.length && end - at < mostSkipped && (bytes[end] === 32 || bytes[end] === 9)) end++;
  return end;
}
