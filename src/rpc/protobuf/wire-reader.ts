import { MeshError } from "#lib/errors.ts";

/** Wire types (protobuf.dev/programming-guides/encoding). Groups (3, 4) don't exist in proto3. */
export const wireType = { varint: 0, bit64: 1, length: 2, bit32: 5 } as const;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Walks through the fields of a message: `next`, then one reading method or `skip`. Throws "protocol" for broken bytes. */
export class WireReader {
  readonly bytes: Buffer;
  /** The current field's number and wire type. */
  number = 0;
  wire = 0;
  at: number;
  readonly end: number;
  /** How deep this message is nested; at most 100. */
  private readonly depth: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length, depth = 0) {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = start;
    this.end = end;
    this.depth = depth;
    if (depth > 100) throw broken("it is nested too deeply");
  }

  /** Moves to the next field; false at the end. */
  next(): boolean {
    if (this.at >= this.end) return false;
    const tag = this.uint32();
    this.number = tag >>> 3;
    this.wire = tag & 7;
    if (this.number === 0) throw broken("a field has number 0");
    return true;
  }

  skip(): void {
    if (this.wire === wireType.varint) this.varint();
    else if (this.wire === wireType.length) this.take(this.uint32());
    else if (this.wire === wireType.bit64) this.take(8);
    else if (this.wire === wireType.bit32) this.take(4);
    else throw broken(`it has wire type ${this.wire}`);
  }

  /** Moves over `length` bytes and returns where they start. */
  private take(length: number): number {
    const start = this.at;
    if (length > this.end - start) throw broken("it is cut off");
    this.at += length;
    return start;
  }

  /** The low 32 bits of a varint of up to ten bytes, unsigned. */
  uint32(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= this.end) throw broken("it is cut off");
      const byte = this.bytes[this.at++]!;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw broken("a number has too many bytes");
  }

  /** All 64 bits of a varint, unsigned. */
  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.at >= this.end) throw broken("it is cut off");
      const byte = this.bytes[this.at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw broken("a number has too many bytes");
  }

  fixed32(): number {
    return this.bytes.readUInt32LE(this.take(4));
  }

  fixed64(): bigint {
    return this.bytes.readBigUInt64LE(this.take(8));
  }

  float(): number {
    return this.bytes.readFloatLE(this.take(4));
  }

  double(): number {
    return this.bytes.readDoubleLE(this.take(8));
  }

  text(): string {
    const length = this.uint32();
    const start = this.take(length);
    for (let index = start; index < this.at; index++) {
      if (this.bytes[index]! < 0x80) continue;
      try {
        return utf8.decode(this.bytes.subarray(start, this.at));
      } catch (cause) {
        throw broken("a text is not UTF-8", cause);
      }
    }
    return this.bytes.toString("latin1", start, this.at);
  }

  /** A copy: what was read from may be a large chunk that should not live as long as the message. */
  binary(): Uint8Array<ArrayBuffer> {
    const length = this.uint32();
    const start = this.take(length);
    return new Uint8Array(this.bytes.subarray(start, this.at));
  }

  /** A reader of the current field as a message (or packed numbers). */
  nested(): WireReader {
    if (this.wire !== wireType.length) throw broken(`field ${this.number} has wire type ${this.wire}`);
    const length = this.uint32();
    const start = this.take(length);
    return new WireReader(this.bytes, start, this.at, this.depth + 1);
  }
}

function broken(what: string, cause?: unknown): MeshError {
  return new MeshError("protocol", `Reading a message failed: ${what}`, cause === undefined ? {} : { cause });
}
