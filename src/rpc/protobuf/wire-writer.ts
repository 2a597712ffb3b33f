/** Writes the fields of a message into one growing buffer. */
export class WireWriter {
  private bytes = Buffer.allocUnsafe(256);
  private at = 0;

  /** What was written, without the spare room. */
  finish(): Buffer {
    return this.bytes.subarray(0, this.at);
  }

  private room(size: number): Buffer {
    if (this.at + size > this.bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * this.bytes.length, this.at + size));
      this.bytes.copy(larger, 0, 0, this.at);
      this.bytes = larger;
    }
    return this.bytes;
  }

  tag(number: number, wire: number): void {
    this.uint32(((number << 3) | wire) >>> 0);
  }

  uint32(value: number): void {
    const bytes = this.room(5);
    for (; value > 127; value >>>= 7) bytes[this.at++] = (value & 127) | 128;
    bytes[this.at++] = value;
  }

  /** A varint of up to 64 bits; negative numbers take all ten bytes. */
  varint(value: bigint): void {
    const bytes = this.room(10);
    let rest = BigInt.asUintN(64, value);
    for (; rest > 127n; rest >>= 7n) bytes[this.at++] = Number(rest & 127n) | 128;
    bytes[this.at++] = Number(rest);
  }

  fixed32(value: number): void {
    this.at = this.room(4).writeInt32LE(value | 0, this.at);
  }

  fixed64(value: bigint): void {
    this.at = this.room(8).writeBigUInt64LE(BigInt.asUintN(64, value), this.at);
  }

  float(value: number): void {
    this.at = this.room(4).writeFloatLE(value, this.at);
  }

  double(value: number): void {
    this.at = this.room(8).writeDoubleLE(value, this.at);
  }

  text(value: string): void {
    const length = Buffer.byteLength(value, "utf8");
    this.uint32(length);
    this.at += this.room(length).write(value, this.at, length, "utf8");
  }

  binary(value: Uint8Array): void {
    this.uint32(value.length);
    this.room(value.length).set(value, this.at);
    this.at += value.length;
  }

  /** Begins a nested message: leaves one byte for its length. Give the result to `end`. */
  begin(): number {
    this.room(1);
    return this.at++;
  }

  /** Ends it; a length that needs more bytes moves the content. */
  end(start: number): void {
    const length = this.at - start - 1;
    if (length > 127) {
      const extra = length < 1 << 14 ? 1 : length < 1 << 21 ? 2 : length < 1 << 28 ? 3 : 4;
      this.room(extra).copyWithin(start + 1 + extra, start + 1, this.at);
      this.at += extra;
    }
    // From here on nothing grows: the length has its room before `after`.
    this.room(5);
    const after = this.at;
    this.at = start;
    this.uint32(length);
    this.at = after;
  }
}
