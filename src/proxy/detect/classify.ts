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

function classifyHttp1(bytes: Buffer): Detected | null {
  // One empty line before the request line is allowed (RFC 9112 §2.2).
  let at = 0;
  if (bytes[0] === 13) {
    if (bytes.length === 1) return null;
    if (bytes[1] !== 10) return opaque;
    at = 2;
  }
  const start = at;
  while (at < bytes.length && isTokenChar[bytes[at] ?? 0] === 1) at++;
  if (at - start > longestMethod) return opaque;
  if (at === bytes.length) return null;
  if (bytes[at] !== 32 || at === start) return opaque;
  const targetStart = ++at;
  while (at < bytes.length && isTargetChar[bytes[at] ?? 0] === 1) at++;
  if (at === bytes.length) return at > plausibleLine ? http1 : null;
  if (bytes[at] !== 32 || at === targetStart) return opaque;
  at++;
  const version = bytes.toString("latin1", at, at + 9);
  if (/^HTTP\/1\.[0-9]\r$/.test(version)) return http1;
  return version.length < 9 && "HTTP/1.".startsWith(version.slice(0, 7)) && /^(?:.{0,7}|.{7}[0-9]\r?)$/s.test(version)
    ? null
    : opaque;
}
