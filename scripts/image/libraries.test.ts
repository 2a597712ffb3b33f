import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { libraryEntries } from "./libraries.ts";
import { elf } from "./testing/elf.ts";

const interpreter = "/lib64/ld-linux-x86-64.so.2";
const library = (...libraries: string[]): Buffer => elf({ machine: 62, interpreter: null, libraries });

function withTree(files: Readonly<Record<string, Buffer>>, run: (root: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), "linkerd-libraries-"));
  try {
    mkdirSync(join(root, "lib/x86_64-linux-gnu"), { recursive: true });
    for (const [name, data] of Object.entries(files)) writeFileSync(join(root, "lib/x86_64-linux-gnu", name), data);
    run(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test("A program gets its loader and its libraries, and theirs, each once", () => {
  const files = {
    "ld-linux-x86-64.so.2": library(),
    "libc.so.6": library("ld-linux-x86-64.so.2"),
    "libm.so.6": library("libc.so.6", "ld-linux-x86-64.so.2"),
    "libunused.so.1": library(),
  };
  withTree(files, (root) => {
    const program = elf({ machine: 62, interpreter, libraries: ["libm.so.6", "libc.so.6"] });
    const paths = libraryEntries(root, "amd64", program).map(({ path }) => path);
    expect(paths.toSorted()).toEqual([
      "lib/x86_64-linux-gnu/libc.so.6",
      "lib/x86_64-linux-gnu/libm.so.6",
      "lib64/ld-linux-x86-64.so.2",
    ]);
  });
});

test("A library that is nowhere is named with what needs it, and a program for another machine is refused", () => {
  withTree({ "ld-linux-x86-64.so.2": library() }, (root) => {
    const program = elf({ machine: 62, interpreter, libraries: ["libz.so.1"] });
    expect(() => libraryEntries(root, "amd64", program)).toThrow('"libz.so.1", which "linkerd" needs, is not in');
    const other = elf({ machine: 183, interpreter, libraries: [] });
    expect(() => libraryEntries(root, "amd64", other)).toThrow('"linkerd" is for arm64, not amd64');
  });
});
