import { defaultHttp1Limits, type Http1Limits } from "./limits.ts";
import { refusal } from "./refusal.ts";

const headEnd = Buffer.from("\r\n\r\n");

/**
 * Finds heads in a stream of bytes. One per connection; keeps bytes only of a head that came in pieces.
 * Use: `head = decode(chunk, at)`; null means that the rest of the chunk was taken and more is needed, otherwise go on at `next`.
 */
export class HeadDecoder<H> {
  /** Where the bytes after the head start in the chunk that completed it. */
  next = 0;
  private readonly resolve: (text: string) => H;
  private readonly limits: Http1Limits;
  private pending: Buffer | null = null;
  private used = 0;

  /** `resolve`: makes the head of its text, usually `HeadCache.get`. */
  constructor(resolve: (text: string) => H, limits: Http1Limits = defaultHttp1Limits) {
    this.resolve = resolve;
    this.limits = limits;
  }

  /** True while a head has begun and is not complete. */
  get partial(): boolean {
    return this.used > 0;
  }

  /** Throws a refusal. */
  decode(chunk: Buffer, at: number): H | null {
    if (this.used === 0) {
      if (chunk[at] === 13) return this.decodeSlow(chunk, at);
      const end = chunk.indexOf(headEnd, at);
      if (end >= 0) {
        if (end + 4 - at > this.limits.headBytes) throw this.tooLarge();
        this.next = end + 4;
        return this.resolve(chunk.toString("latin1", at, end + 2));
      }
    }
    return this.decodeSlow(chunk, at);
  }

  private decodeSlow(chunk: Buffer, at: number): H | null {
    const already = this.used;
    // Only bytes that can belong to this head are copied: at most the limit and one more, which proves it too large.
    const take = Math.min(chunk.length - at, this.limits.headBytes + 4 - already);
    const buffer = this.room(already + take);
    chunk.copy(buffer, already, at, at + take);
    this.used = already + take;
    let start = 0;
    // One empty line before a request line is ignored (RFC 9112 §2.2); the head proper must follow.
    if (buffer[0] === 13) {
      if (this.used > 1 && buffer[1] !== 10) throw refusal("line-end", "A message starts with a bare CR");
      start = Math.min(2, this.used);
      if (this.used > 2 && buffer[2] === 13)
        throw refusal("start-line", "A message starts with more than one empty line");
    }
    for (let index = Math.max(start, already); index < this.used; index++) {
      if (buffer[index] !== 10) continue;
      if (index === start || buffer[index - 1] !== 13) throw refusal("line-end", "A head has a bare LF");
      if (index - 3 >= start && buffer[index - 2] === 10 && buffer[index - 3] === 13) {
        if (index + 1 > this.limits.headBytes) break;
        const text = buffer.toString("latin1", start, index - 1);
        this.next = at + (index + 1 - already);
        this.pending = null;
        this.used = 0;
        return this.resolve(text);
      }
    }
    if (this.used > this.limits.headBytes) throw this.tooLarge();
    return null;
  }

  private room(size: number): Buffer {
    const old = this.pending;
    if (old !== null && old.length >= size) return old;
    const grown = Buffer.allocUnsafe(Math.max(512, size, (old?.length ?? 0) * 2));
    if (old !== null) old.copy(grown, 0, 0, this.used);
    this.pending = grown;
    return grown;
  }

  private tooLarge(): Error {
    return refusal("head-too-large", `A head is longer than ${this.limits.headBytes} bytes`);
  }
}
