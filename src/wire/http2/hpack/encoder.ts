import type { HeaderBlock } from "../header-block.ts";
import { DynamicTable } from "./dynamic-table.ts";
import { writeLatin1 } from "./latin1.ts";
import { staticCount, staticTable } from "./static-table.ts";

/** How values of a name are sent. */
const policy = {
  /** Inserted into the table at first sight. */
  index: 0,
  /** They vary: indexing them would only churn the table and void every remembered block. */
  literal: 1,
  /** Secret: no table on the way may hold them (RFC 7541 §7.1.3). */
  never: 2,
} as const;

interface KnownName {
  /** Its first index in the static table, or 0. */
  readonly index: number;
  readonly policy: number;
  /** Value → static index, or null when the table has no value for it. */
  readonly values: ReadonlyMap<string, number> | null;
}

const varying = [
  ":path", "content-length", "grpc-timeout", "traceparent", "tracestate", "x-request-id", "b3", "x-b3-traceid", "x-b3-spanid",
  "x-b3-parentspanid", "date", "etag", "if-modified-since", "if-none-match", "if-range", "age", "location", "last-modified",
  "content-range", "range", "expires",
]; // prettier-ignore
const secret = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

function knownNames(): ReadonlyMap<string, KnownName> {
  const known = new Map<string, { index: number; policy: number; values: Map<string, number> | null }>();
  for (let index = 1; index <= staticCount; index++) {
    const { name, value } = staticTable[index]!;
    const entry = known.get(name) ?? { index, policy: policy.index, values: null };
    if (value !== "") (entry.values ??= new Map()).set(value, index);
    known.set(name, entry);
  }
  const mark = (names: readonly string[], how: number): void => {
    for (const name of names) known.set(name, { ...(known.get(name) ?? { index: 0, values: null }), policy: how });
  };
  mark(varying, policy.literal);
  mark(secret, policy.never);
  return known;
}

const known = knownNames();
const unknown: KnownName = { index: 0, policy: policy.index, values: null };

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly size: number;
}

/** The bytes of a block while the table was in the state `epoch`. */
interface Remembered {
  readonly block: HeaderBlock;
  readonly epoch: number;
  readonly bytes: Uint8Array;
}

const slots = 64;
const maxTableBytes = 4096;
/** A longer field would push out most of the table. */
const maxIndexedBytes = 1024;

/**
 * HPACK encoding of one direction of a connection (RFC 7541). Literals are sent as they are: between proxies on one
 * network Huffman coding saves bytes that nobody misses and costs time on both ends.
 */
export class HpackEncoder {
  private readonly table = new DynamicTable<Entry>(maxTableBytes);
  /** How many entries were ever inserted; the next one gets this number. Also the epoch of remembered blocks. */
  private inserted = 0;
  /** Name → value → number of the entry. Only what is in the table. */
  private readonly entries = new Map<string, Map<string, number>>();
  private remembered: (Remembered | null)[] | null = null;
  /** Size updates that the next block must start with (RFC 7541 §4.2), or -1. */
  private smallest = -1;
  private announced = -1;

  /** Takes the peer's SETTINGS_HEADER_TABLE_SIZE; we never use more than 4096 bytes. */
  setMaxTableBytes(bytes: number): void {
    const capacity = Math.min(bytes, maxTableBytes);
    if (capacity === this.table.capacity) return;
    this.smallest = this.announced < 0 ? capacity : Math.min(this.smallest, capacity);
    this.announced = this.table.capacity = capacity;
    this.makeRoom(0);
    this.remembered = null;
  }

  /** Enough room for `encode` of a block. */
  static bound(block: HeaderBlock): number {
    return block.size + 16;
  }

  /** Writes a block to `out` from `at` on and returns the position behind it. */
  encode(block: HeaderBlock, out: Buffer, at: number): number {
    const key = block.memoKey;
    if (key !== 0 && this.announced < 0) {
      const found = this.remembered?.[key & (slots - 1)];
      if (found && found.block === block && found.epoch === this.inserted) {
        out.set(found.bytes, at);
        return at + found.bytes.length;
      }
    }
    const start = at;
    const epoch = this.inserted;
    let fresh = true;
    if (this.announced >= 0) {
      if (this.smallest < this.announced) at = writeInteger(out, at, 0x20, 0x1f, this.smallest);
      at = writeInteger(out, at, 0x20, 0x1f, this.announced);
      this.smallest = this.announced = -1;
      fresh = false;
    }
    const { fields, neverIndexed } = block;
    for (let field = 0; field < fields.length; field += 2) {
      const never = neverIndexed !== null && neverIndexed.includes(field);
      at = this.field(fields[field]!, fields[field + 1]!, never, out, at);
    }
    if (key !== 0 && fresh && this.inserted === epoch) {
      this.remembered ??= new Array<Remembered | null>(slots).fill(null);
      this.remembered[key & (slots - 1)] = { block, epoch, bytes: Uint8Array.prototype.slice.call(out, start, at) };
    }
    return at;
  }

  private field(name: string, value: string, never: boolean, out: Buffer, at: number): number {
    const info = known.get(name) ?? unknown;
    if (!never) {
      const fixed = info.values?.get(value);
      if (fixed !== undefined) {
        out[at] = 0x80 | fixed;
        return at + 1;
      }
      if (info.policy === policy.index) {
        const number = this.entries.get(name)?.get(value);
        if (number !== undefined) return writeInteger(out, at, 0x80, 0x7f, this.indexOf(number));
        if (this.insert(name, value)) return literal(name, value, info.index, 0x40, 0x3f, out, at);
      }
    }
    return literal(name, value, info.index, never || info.policy === policy.never ? 0x10 : 0, 0x0f, out, at);
  }

  private indexOf(number: number): number {
    return this.inserted - number + staticCount;
  }

  private insert(name: string, value: string): boolean {
    const size = name.length + value.length + 32;
    if (size > maxIndexedBytes || size > this.table.capacity) return false;
    this.makeRoom(size);
    const number = this.inserted++;
    this.table.add({ name, value, size });
    let values = this.entries.get(name);
    if (values === undefined) this.entries.set(name, (values = new Map()));
    values.set(value, number);
    return true;
  }

  private makeRoom(size: number): void {
    while (this.table.mustEvict(size)) {
      const { name, value } = this.table.evict();
      const values = this.entries.get(name)!;
      values.delete(value);
      if (values.size === 0) this.entries.delete(name);
    }
  }
}

function literal(
  name: string,
  value: string,
  index: number,
  prefix: number,
  mask: number,
  out: Buffer,
  at: number,
): number {
  at = writeInteger(out, at, prefix, mask, index);
  if (index === 0) at = writeText(out, at, name);
  return writeText(out, at, value);
}

function writeInteger(out: Buffer, at: number, prefix: number, mask: number, value: number): number {
  if (value < mask) {
    out[at] = prefix | value;
    return at + 1;
  }
  out[at++] = prefix | mask;
  for (value -= mask; value > 127; value >>>= 7) out[at++] = (value & 127) | 128;
  out[at] = value;
  return at + 1;
}

function writeText(out: Buffer, at: number, text: string): number {
  const length = text.length;
  at = writeInteger(out, at, 0, 0x7f, length);
  // A native call costs more than a short loop.
  if (length <= 24) for (let index = 0; index < length; index++) out[at + index] = text.charCodeAt(index);
  else writeLatin1(out, at, text);
  return at + length;
}
