import { connectionError, http2Code } from "../errors.ts";
import { BlockBuilder, type HeaderBlock } from "../header-block.ts";
import { DynamicTable } from "./dynamic-table.ts";
import { Field } from "./field.ts";
import { huffmanDecode } from "./huffman.ts";
import { readLatin1 } from "./latin1.ts";
import { staticCount, staticTable } from "./static-table.ts";

export interface DecoderOptions {
  /** Bytes of the dynamic table that we announced (SETTINGS_HEADER_TABLE_SIZE). Default 4096. */
  readonly maxTableBytes?: number;
  readonly maxListBytes: number;
  readonly maxListCount: number;
}

/** A block's bytes and what they mean. */
interface Remembered {
  /** While the table is in this state, or in any, where nothing is taken from it. */
  readonly epoch: number | typeof anyEpoch;
  readonly bytes: Uint8Array;
  readonly block: HeaderBlock;
  /** What it puts into the table. */
  readonly inserts: readonly Field[];
}

const anyEpoch = -1;

const slots = 64;
const maxRememberedBytes = 256;

/**
 * HPACK decoding of one direction of a connection (RFC 7541).
 *
 * A block that was seen before with the same table costs a hash and a compare: clients repeat themselves, and the
 * second sighting of the same bytes puts the decoded block into one of 64 slots. A unique block is never copied. Some servers
 * put the same fields into the table with every response and never refer to it: what such a block means does not depend on
 * the table, so that it is known again as well, and what it inserts is inserted again.
 */
export class HpackDecoder {
  private readonly builder: BlockBuilder;
  private readonly limit: number;
  private readonly bombBytes: number;
  private readonly table: DynamicTable<Field>;
  /** Moves with every change of the table. */
  private epoch = 0;
  /** Of the block that is being decoded: what it inserts, and whether it takes nothing from the table and does not resize it. */
  private inserts: Field[] = noFields;
  private independent = true;
  private sightings: Int32Array | null = null;
  private remembered: (Remembered | null)[] | null = null;
  private at = 0;
  private scratch: Buffer = Buffer.alloc(0);

  constructor(options: DecoderOptions) {
    this.builder = new BlockBuilder(options.maxListBytes, options.maxListCount);
    this.limit = options.maxTableBytes ?? 4096;
    this.bombBytes = 8 * options.maxListBytes;
    this.table = new DynamicTable(this.limit);
  }

  /**
   * Decodes one complete header block. Throws a connection error: COMPRESSION_ERROR when the encoding is broken, ENHANCE_YOUR_CALM
   * when a few bytes stand for very many, which would keep us busy for nothing.
   */
  decode(bytes: Buffer, start: number, end: number): HeaderBlock {
    const length = end - start;
    const { epoch } = this;
    let hash = 0;
    if (length <= maxRememberedBytes) {
      hash = length;
      for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
      hash ^= hash >>> 15;
      const known = this.remembered?.[hash & (slots - 1)] ?? null;
      if (
        known !== null &&
        (known.epoch === epoch || known.epoch === anyEpoch) &&
        equal(known.bytes, bytes, start, length)
      ) {
        for (let at = 0; at < known.inserts.length; at++) this.insert(known.inserts[at]!);
        return known.block;
      }
    }
    const block = this.decodeFields(bytes, start, end);
    // A block that takes something from the table and changes it would mean something else the next time.
    if (length <= maxRememberedBytes && (this.independent || this.epoch === epoch))
      this.remember(hash, this.independent ? anyEpoch : epoch, bytes, start, end, block);
    this.inserts = noFields;
    return block;
  }

  private remember(hash: number, epoch: number, bytes: Buffer, start: number, end: number, block: HeaderBlock): void {
    this.sightings ??= new Int32Array(slots);
    const slot = hash & (slots - 1);
    const sighting = hash ^ (epoch << 7);
    if (this.sightings[slot] !== sighting) {
      this.sightings[slot] = sighting;
      return;
    }
    block.memoKey = sighting | 1;
    this.remembered ??= new Array<Remembered | null>(slots).fill(null);
    this.remembered[slot] = {
      epoch,
      bytes: Uint8Array.prototype.slice.call(bytes, start, end),
      block,
      inserts: this.inserts,
    };
  }

  private decodeFields(bytes: Buffer, start: number, end: number): HeaderBlock {
    const builder = this.builder;
    builder.start();
    this.at = start;
    this.inserts = noFields;
    this.independent = true;
    const bomb = Math.max(this.bombBytes, 4 * (end - start));
    let fields = 0;
    while (this.at < end) {
      const first = bytes[this.at]!;
      if (first & 0x80) {
        builder.add(this.lookup(this.integer(bytes, end, 0x7f)), false);
      } else if (first & 0x40) {
        const field = this.literal(bytes, end, 0x3f);
        this.insert(field);
        if (this.independent) {
          if (this.inserts === noFields) this.inserts = [];
          this.inserts.push(field);
        }
        builder.add(field, false);
      } else if (first & 0x20) {
        if (fields > 0) throw broken("A table size update comes after a field");
        this.resize(this.integer(bytes, end, 0x1f));
        continue;
      } else {
        builder.add(this.literal(bytes, end, 0x0f), (first & 0x10) !== 0);
      }
      fields++;
      if (builder.bytes > bomb)
        throw connectionError(http2Code.enhanceYourCalm, "A header block names the table too often");
    }
    return builder.finish();
  }

  private lookup(index: number): Field {
    if (index === 0) throw broken("Index 0 was used");
    if (index <= staticCount) return staticTable[index]!;
    const back = index - staticCount;
    this.independent = false;
    if (back > this.table.count) throw broken("An index is beyond the table");
    return this.table.newest(back);
  }

  private literal(bytes: Buffer, end: number, mask: number): Field {
    const index = this.integer(bytes, end, mask);
    if (index === 0) {
      const name = this.text(bytes, end);
      return new Field(name, this.text(bytes, end));
    }
    const named = this.lookup(index);
    return new Field(named.name, this.text(bytes, end), named.nameKind);
  }

  private insert(field: Field): void {
    const { table } = this;
    this.epoch++;
    while (table.mustEvict(field.size)) table.evict();
    // Larger than the whole table: it stays empty (RFC 7541 §4.4).
    if (field.size <= table.capacity) table.add(field);
  }

  private resize(capacity: number): void {
    if (capacity > this.limit) throw broken("A table size update is over the limit");
    this.epoch++;
    this.independent = false;
    this.table.capacity = capacity;
    while (this.table.mustEvict(0)) this.table.evict();
  }

  /** RFC 7541 §5.1, up to 2^28. */
  private integer(bytes: Buffer, end: number, mask: number): number {
    let value = bytes[this.at++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.at >= end) throw broken("An integer is cut off");
      const byte = bytes[this.at++]!;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw broken("An integer is too large");
  }

  private text(bytes: Buffer, end: number): string {
    if (this.at >= end) throw broken("A string is missing");
    const huffman = (bytes[this.at]! & 0x80) !== 0;
    const length = this.integer(bytes, end, 0x7f);
    const start = this.at;
    this.at += length;
    if (this.at > end) throw broken("A string is cut off");
    if (!huffman) return readLatin1(bytes, start, this.at);
    const room = Math.ceil((length * 8) / 5);
    if (this.scratch.length < room) this.scratch = Buffer.allocUnsafeSlow(Math.max(room, 512));
    const written = huffmanDecode(bytes, start, this.at, this.scratch);
    if (written < 0) throw broken("A Huffman string is broken");
    return readLatin1(this.scratch, 0, written);
  }
}

/** Never written to. */
const noFields: Field[] = [];

function equal(known: Uint8Array, bytes: Buffer, start: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let at = 0; at < length; at++) if (known[at] !== bytes[start + at]) return false;
  return true;
}

function broken(message: string): Error {
  return connectionError(http2Code.compressionError, message);
}
