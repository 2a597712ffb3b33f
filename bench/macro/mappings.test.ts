import { expect, test } from "bun:test";
import { mappings } from "./mappings.ts";

const part = (head: string, anonymous: number): string => `${head}\nSize: 4 kB\nAnonymous:  ${anonymous} kB\n`;

test("anonymous pages are summed by what their mapping is for", () => {
  const smaps = [
    part("06868000-06a22000 rw-p 00000000 00:00 0 ", 108),
    part("0684a000-0685f000 rw-p 06641000 fe:00 53                 /opt/linkerd", 44),
    part("29bcaa00000-29bcaa10000 rw-p 00000000 00:00 0 ", 7),
    part("49bcaa00000-49c0aa00000 rw-p 00000000 00:00 0 ", 9000),
    part("7f3c00000000-7f3d00000000 rw-p 00000000 00:00 0 ", 400),
    part("7f3d96be9000-7f3dd6be9000 rwxp 00000000 00:00 0 ", 300),
    part("7f3dd70fd000-7f3dd7101000 r--p 001cf000 fe:00 32             /usr/lib/x86_64-linux-gnu/libc.so.6", 16),
    part("7f3dd70fd000-7f3dd7101000 r--p 001cf000 fe:00 32             /usr/lib/x86_64-linux-gnu/libm.so.6", 0),
    part("7ffc2ef56000-7ffc2ef77000 rw-p 00000000 00:00 0                          [stack]", 44),
  ].join("");
  expect(Object.fromEntries(mappings(smaps))).toEqual({
    "others (stacks, tables)": 115,
    "program's data": 44,
    heap: 9000,
    shapes: 400,
    "compiled code": 300,
    "libraries' data": 16,
    "[stack]": 44,
  });
});
