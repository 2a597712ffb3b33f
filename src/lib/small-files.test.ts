import { afterAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSmallFile, replaceSmallFile, writeSmallFile } from "./small-files.ts";

const folder = mkdtempSync(join(tmpdir(), "small-files-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("files are read whole, whatever their length, also those that have none", () => {
  for (const length of [0, 1, 4095, 4096, 4097, 70_000]) {
    const content = Buffer.alloc(length, "x");
    writeFileSync(join(folder, "é.bin"), content);
    expect(readSmallFile(join(folder, "é.bin"))).toEqual(new Uint8Array(content));
  }
  expect(Buffer.from(readSmallFile("/proc/self/stat")).toString()).toStartWith(`${process.pid} (`);
});

test("a file that is too long is refused", () => {
  writeFileSync(join(folder, "long"), Buffer.alloc(2_000_000));
  expect(() => readSmallFile(join(folder, "long"))).toThrow("EFBIG");
});

test("what is written is for the owner alone, also over a file that others could read", () => {
  const path = join(folder, "key");
  writeSmallFile(path, Buffer.from("secret"));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  chmodSync(path, 0o644);
  writeSmallFile(path, Buffer.from("new"));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, "latin1")).toBe("new");
});

test("a replacement leaves nothing beside", () => {
  const path = join(folder, "anchors");
  replaceSmallFile(path, Buffer.from("one"));
  replaceSmallFile(path, Buffer.from("two"));
  expect(readFileSync(path, "latin1")).toBe("two");
  expect(existsSync(`${path}.new`)).toBe(false);
});

test("failures have the system's code", () => {
  const code = (call: () => void): unknown => {
    try {
      call();
    } catch (error) {
      return Reflect.get(error as Error, "code");
    }
    return null;
  };
  expect(code(() => readSmallFile(join(folder, "none")))).toBe("ENOENT");
  expect(code(() => readSmallFile(folder))).toBe("EISDIR");
  expect(code(() => writeSmallFile(join(folder, "none/x"), Buffer.from("x")))).toBe("ENOENT");
  expect(code(() => writeSmallFile(join(folder, "key/x"), Buffer.from("x")))).toBe("ENOTDIR");
});
