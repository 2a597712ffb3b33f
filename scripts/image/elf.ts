/** Reads from an ELF file (man 5 elf) what it needs to start: its loader and its shared libraries. 64-bit, little-endian. */
import { MeshError } from "#lib/errors.ts";

export interface ElfNeeds {
  readonly machine: "amd64" | "arm64";
  /** Path of the loader, or null for a library. */
  readonly interpreter: string | null;
  /** Names such as "libc.so.6". */
  readonly libraries: readonly string[];
}

const machines: Readonly<Record<number, ElfNeeds["machine"]>> = { 62: "amd64", 183: "arm64" };
const programLoad = 1;
const programDynamic = 2;
const programInterpreter = 3;
const tagNeeded = 1;
const tagStringTable = 5;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** `path` is for the error message. */
export function readElf(bytes: Uint8Array, path: string): ElfNeeds {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (data.length < 64 || data.readUInt32BE(0) !== 0x7f454c46 || data[4] !== 2 || data[5] !== 1) {
    throw new MeshError("invalid-argument", `"${path}" is no 64-bit little-endian ELF file`);
  }
  const machine = machines[data.readUInt16LE(18)];
  if (machine === undefined) {
    throw new MeshError("invalid-argument", `"${path}" is for machine ${data.readUInt16LE(18)}; use amd64 or arm64`);
  }
  const segments = readSegments(data);
  const interpreter = segments.find(({ type }) => type === programInterpreter);
  return {
    machine,
    interpreter: interpreter === undefined ? null : text(data, interpreter.offset),
    libraries: needed(data, segments),
  };
}

const number = (data: Buffer, offset: number): number => Number(data.readBigUInt64LE(offset));

function text(data: Buffer, offset: number): string {
  return data.toString("latin1", offset, data.indexOf(0, offset));
}

function readSegments(data: Buffer): Segment[] {
  const table = number(data, 32);
  const width = data.readUInt16LE(54);
  return Array.from({ length: data.readUInt16LE(56) }, (_, index) => {
    const at = table + index * width;
    return {
      type: data.readUInt32LE(at),
      offset: number(data, at + 8),
      address: number(data, at + 16),
      size: number(data, at + 32),
    };
  });
}

function needed(data: Buffer, segments: readonly Segment[]): string[] {
  const dynamic = segments.find(({ type }) => type === programDynamic);
  if (dynamic === undefined) return [];
  const names: number[] = [];
  let strings = 0;
  for (let at = dynamic.offset; at + 16 <= dynamic.offset + dynamic.size; at += 16) {
    const tag = number(data, at);
    if (tag === 0) break;
    if (tag === tagNeeded) names.push(number(data, at + 8));
    if (tag === tagStringTable) strings = number(data, at + 8);
  }
  // The string table is named by its address in memory; the segment that holds it says where that is in the file.
  const home = segments.find(
    ({ type, address, size }) => type === programLoad && strings >= address && strings < address + size,
  );
  if (home === undefined) return [];
  return names.map((name) => text(data, home.offset + strings - home.address + name));
}
