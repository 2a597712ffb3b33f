/** RFC 7541 read the slow way: a plain array as the table, strings bit by bit. */
import { codeLengths, huffmanCodes } from "#wire/http2/hpack/huffman.ts";
import { staticTable } from "#wire/http2/hpack/static-table.ts";

export interface ReferenceField {
  readonly name: string;
  readonly value: string;
  readonly never: boolean;
}

/** By length and code in one number. */
const symbols = new Map(huffmanCodes().map((code, symbol) => [(codeLengths[symbol] ?? 0) * 2 ** 31 + code, symbol]));

/** One direction of a connection. */
export class ReferenceHpack {
  private table: Array<readonly [string, string]> = [];
  private capacity = 4096;
  private bytes: Buffer = Buffer.alloc(0);
  private at = 0;

  /** The fields of a block, or null when it is broken: the connection is over then. */
  decode(bytes: Buffer): ReferenceField[] | null {
    this.bytes = bytes;
    this.at = 0;
    try {
      return this.fields();
    } catch (thrown) {
      if (thrown instanceof RangeError) return null;
      throw thrown;
    }
  }

  private fields(): ReferenceField[] {
    const out: ReferenceField[] = [];
    while (this.at < this.bytes.length) {
      const first = this.bytes[this.at] ?? 0;
      if (first >= 0b1000_0000) {
        const [name, value] = this.entry(this.integer(7));
        out.push({ name, value, never: false });
      } else if (first >= 0b0100_0000) {
        const [name, value] = this.literal(6);
        this.table.unshift([name, value]);
        this.evict();
        out.push({ name, value, never: false });
      } else if (first >= 0b0010_0000) {
        if (out.length > 0) throw new RangeError();
        this.capacity = this.integer(5);
        if (this.capacity > 4096) throw new RangeError();
        this.evict();
      } else {
        const [name, value] = this.literal(4);
        out.push({ name, value, never: first >= 0b0001_0000 });
      }
    }
    return out;
  }

  private evict(): void {
    const size = this.table.map(([name, value]) => name.length + value.length + 32);
    let sum = size.reduce((all, one) => all + one, 0);
    while (sum > this.capacity) {
      sum -= size.pop() ?? 0;
      this.table.pop();
    }
  }

  private entry(index: number): readonly [string, string] {
    const fixed = staticTable[index];
    const found = index > 61 ? this.table[index - 62] : fixed && ([fixed.name, fixed.value] as const);
    if (index === 0 || found === undefined) throw new RangeError();
    return found;
  }

  private literal(prefix: number): readonly [string, string] {
    const index = this.integer(prefix);
    const name = index === 0 ? this.text() : this.entry(index)[0];
    return [name, this.text()];
  }

  /** Four bytes after the first are enough for any number that makes sense here; more are refused. */
  private integer(prefix: number): number {
    const most = 2 ** prefix - 1;
    let value = this.byte() % (most + 1);
    if (value < most) return value;
    for (let power = 0; power < 4; power++) {
      const next = this.byte();
      value += (next % 128) * 128 ** power;
      if (next < 128) return value;
    }
    throw new RangeError();
  }

  private byte(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new RangeError();
    return byte;
  }

  private text(): string {
    const huffman = (this.bytes[this.at] ?? 0) >= 128;
    const length = this.integer(7);
    if (this.at + length > this.bytes.length) throw new RangeError();
    const raw = this.bytes.subarray(this.at, (this.at += length));
    return huffman ? unpack(raw) : raw.toString("latin1");
  }
}

function unpack(raw: Buffer): string {
  let out = "";
  let code = 0;
  let length = 0;
  for (let bit = 0; bit < raw.length * 8; bit++) {
    code = code * 2 + (((raw[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1);
    if (++length > 30) throw new RangeError();
    const symbol = length < 5 ? undefined : symbols.get(length * 2 ** 31 + code);
    if (symbol === undefined) continue;
    if (symbol === 256) throw new RangeError();
    out += String.fromCharCode(symbol);
    code = length = 0;
  }
  // What is left is padding: less than a byte, all ones.
  if (length > 7 || code !== 2 ** length - 1) throw new RangeError();
  return out;
}
