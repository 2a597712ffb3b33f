/** SPDY/3 header blocks: length-prefixed pairs in one zlib stream per direction (SPDY Protocol Draft 3.1, §2.6.10). */
import { constants, createInflate } from "node:zlib";

/** The words that the compression dictionary starts with, each with its length in front. */
const words =
  "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status".split(
    " ",
  );
const moreWords = ["200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin"];
const tail =
  "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

/** The dictionary, 1,423 bytes. */
export function headerDictionary(): Buffer {
  const parts: Buffer[] = [];
  for (const entry of [...words, ...moreWords]) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(entry.length);
    parts.push(length, Buffer.from(entry));
  }
  return Buffer.concat([...parts, Buffer.from(tail)]);
}

/** Bytes of one decompressed block at most. */
const maxBlock = 64 * 1024;

/** Decompresses blocks in the order in which they come. */
export class HeaderReader {
  private readonly inflate = createInflate({ dictionary: headerDictionary(), flush: constants.Z_SYNC_FLUSH });
  private readonly chunks: Buffer[] = [];

  /** `onBroken` is called once when the compressed stream can't be read. */
  constructor(onBroken: () => void) {
    this.inflate.on("data", (chunk: Buffer) => this.chunks.push(chunk));
    this.inflate.once("error", onBroken);
  }

  read(block: Uint8Array, onHeaders: (headers: ReadonlyMap<string, string> | null) => void): void {
    this.inflate.write(block, () => {
      onHeaders(parseHeaders(Buffer.concat(this.chunks.splice(0))));
    });
  }

  close(): void {
    this.inflate.destroy();
  }
}

function parseHeaders(block: Buffer): Map<string, string> | null {
  if (block.length < 4 || block.length > maxBlock) return null;
  const headers = new Map<string, string>();
  let at = 4;
  const text = (): string | null => {
    if (at + 4 > block.length) return null;
    const length = block.readUInt32BE(at);
    if (at + 4 + length > block.length) return null;
    const value = block.toString("latin1", at + 4, at + 4 + length);
    at += 4 + length;
    return value;
  };
  for (let count = block.readUInt32BE(0); count > 0; count--) {
    const name = text();
    const value = text();
    if (name === null || value === null) return null;
    headers.set(name.toLowerCase(), value);
  }
  return headers;
}

/** A zlib header without a dictionary (RFC 1950 §2.2). */
const zlibStart = Uint8Array.of(0x78, 0x01);
/** The block "no headers" (a count of 0) as a stored deflate block, and an empty one that makes readers flush (RFC 1951 §3.2.4). */
const emptyBlock = Uint8Array.of(0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** What a reply without headers compresses to; the first one of a connection starts the stream. */
export function emptyHeaders(first: boolean): Uint8Array {
  return first ? Buffer.concat([zlibStart, emptyBlock]) : emptyBlock;
}
