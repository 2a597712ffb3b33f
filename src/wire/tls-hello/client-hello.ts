/** Reads the server name and protocols out of a TLS ClientHello (RFC 8446 §4.1.2) without answering it. */

export type ClientHello =
  /** The bytes so far are the beginning of a ClientHello. */
  | { readonly kind: "need-more" }
  /** Not TLS, or a ClientHello that breaks its own lengths or is longer than {@link maxHelloBytes}. */
  | { readonly kind: "not-tls" }
  | {
      readonly kind: "client-hello";
      /** In lower case, without a final dot; null when none was sent. */
      readonly serverName: string | null;
      /** Application protocols in the client's order. */
      readonly alpn: readonly string[];
    };

/** Longest ClientHello with record headers that is looked into; post-quantum key shares make about 2 KB. */
export const maxHelloBytes = 16_384;

/** The most bytes on the wire: tiny records may carry a ClientHello, but not without end. */
const maxStreamBytes = 20_000;

const needMore: ClientHello = { kind: "need-more" };
const notTls: ClientHello = { kind: "not-tls" };

/** `bytes`: everything received so far. */
export function readClientHello(bytes: Uint8Array): ClientHello {
  // The handshake message may be spread over several records: collect their fragments first.
  const fragments: Uint8Array[] = [];
  let collected = 0;
  let at = 0;
  // Another kind of record is fine after the ClientHello (early data), not inside it.
  let foreign = false;
  while (at < bytes.length && !foreign) {
    const length = at + 5 > bytes.length ? -1 : ((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0);
    foreign = bytes[at] !== 22 || (at + 1 < bytes.length && bytes[at + 1] !== 3) || length === 0 || length > 16_384;
    if (foreign || length < 0) break;
    const fragment = bytes.subarray(at + 5, Math.min(bytes.length, at + 5 + length));
    if (collected === 0 && fragment.length > 0 && fragment[0] !== 1) return notTls;
    fragments.push(fragment);
    collected += fragment.length;
    at += 5 + length;
  }
  if (collected >= 4) {
    const message = fragments.length === 1 && fragments[0] !== undefined ? fragments[0] : Buffer.concat(fragments);
    const total = ((message[1] ?? 0) << 16) | ((message[2] ?? 0) << 8) | (message[3] ?? 0);
    if (total > maxHelloBytes) return notTls;
    if (message.length >= 4 + total) return readBody(message.subarray(4, 4 + total));
  }
  return foreign || bytes.length > maxStreamBytes ? notTls : needMore;
}

/** A cursor over length-prefixed vectors; going over the end makes it `broken` for good. */
class Cursor {
  at = 0;
  broken = false;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get done(): boolean {
    return this.broken || this.at >= this.bytes.length;
  }

  number(size: 1 | 2): number {
    let value = 0;
    for (const byte of this.take(size)) value = (value << 8) | byte;
    return value;
  }

  take(size: number): Uint8Array {
    if (this.broken || this.at + size > this.bytes.length) {
      this.broken = true;
      return new Uint8Array(0);
    }
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  vector(lengthSize: 1 | 2): Uint8Array {
    return this.take(this.number(lengthSize));
  }
}

function readBody(body: Uint8Array): ClientHello {
  const cursor = new Cursor(body);
  cursor.take(2 + 32); // legacy_version, random
  cursor.vector(1); // legacy_session_id
  cursor.vector(2); // cipher_suites
  cursor.vector(1); // legacy_compression_methods
  let serverName: string | null = null;
  const alpn: string[] = [];
  if (!cursor.done) {
    const extensions = new Cursor(cursor.vector(2));
    while (!extensions.done) {
      const type = extensions.number(2);
      const data = new Cursor(extensions.vector(2));
      if (type === 0) {
        const list = new Cursor(data.vector(2));
        while (!list.done) {
          const nameType = list.number(1);
          const name = list.vector(2);
          if (nameType === 0 && serverName === null)
            serverName = Buffer.from(name).toString("latin1").toLowerCase().replace(/\.$/, "");
        }
        if (list.broken) return notTls;
      } else if (type === 16) {
        const list = new Cursor(data.vector(2));
        while (!list.done) alpn.push(Buffer.from(list.vector(1)).toString("latin1"));
        if (list.broken) return notTls;
      }
      if (data.broken) return notTls;
    }
    if (extensions.broken) return notTls;
  }
  return cursor.broken ? notTls : { kind: "client-hello", serverName, alpn };
}
