import { expect, test } from "bun:test";
import { readElf } from "./elf.ts";

interface Wanted {
  readonly machine: number;
  readonly interpreter: string;
  readonly libraries: readonly string[];
}

/** A file with three segments: one that is loaded at 0x400000, its dynamic section and its interpreter. */
function elf({ machine, interpreter, libraries }: Wanted): Buffer {
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
  segment(2, 3, 512, 64);
  data.write(`${interpreter}\0`, 512);
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

test("The loader and the libraries of a program are read", () => {
  const libraries = ["libc.so.6", "libm.so.6"];
  expect(readElf(elf({ machine: 183, interpreter: "/lib/ld-linux-aarch64.so.1", libraries }), "x")).toEqual({
    machine: "arm64",
    interpreter: "/lib/ld-linux-aarch64.so.1",
    libraries,
  });
});

test("Another machine and other files are refused by name", () => {
  const other = elf({ machine: 40, interpreter: "", libraries: [] });
  expect(() => readElf(other, "tool")).toThrow('"tool" is for machine 40; use amd64 or arm64');
  expect(() => readElf(Buffer.from("#!/bin/sh\n"), "tool")).toThrow('"tool" is no 64-bit little-endian ELF file');
});
