import { expect, test } from "bun:test";
import { readElf } from "./elf.ts";
import { elf } from "./testing/elf.ts";

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
