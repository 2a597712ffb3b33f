/** Small ELF files for tests. */

/** What a made-up file needs. */
export interface ElfWanted {
  readonly machine: number;
  readonly interpreter: string | null;
  readonly libraries: readonly string[];
}

/** A file with three segments: one that is loaded at 0x400000, its dynamic section and its loader. */
export function elf({ machine, interpreter, libraries }: ElfWanted): Buffer {
  const data = Buffer.alloc(4096);
  data.writeUInt32BE(0x7f454c46, 0);
  data.set([2, 1], 4);
  data.writeUInt16LE(machine, 18);
  data.writeBigUInt64LE(64n, 32);
  data.writeUInt16LE(56, 54);
  data.writeUInt16LE(3, 56);
  const base = 0x400000;
  const segment = (index: number, type: number, offset: number, size: number): void => {
    const at = 64 + index * 56;
    data.writeUInt32LE(type, at);
    data.writeBigUInt64LE(BigInt(offset), at + 8);
    data.writeBigUInt64LE(BigInt(base + offset), at + 16);
    data.writeBigUInt64LE(BigInt(size), at + 32);
  };
  segment(0, 1, 0, 4096);
  segment(1, 2, 1024, 512);
  if (interpreter !== null) {
    segment(2, 3, 512, 64);
    data.write(`${interpreter}\0`, 512);
  }
  let name = 1;
  let at = 1024;
  const dynamic = (tag: number, value: number): void => {
    data.writeBigUInt64LE(BigInt(tag), at);
    data.writeBigUInt64LE(BigInt(value), at + 8);
    at += 16;
  };
  for (const library of libraries) {
    data.write(`${library}\0`, 2048 + name);
    dynamic(1, name);
    name += library.length + 1;
  }
  dynamic(5, base + 2048);
  return data;
}
