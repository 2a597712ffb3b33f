import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { der, DerReader, integer, oid, readTime, sequence, tags, time } from "./der.ts";

test("what was written is read, at every length form", () => {
  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
    const content = new Uint8Array(length).fill(7);
    const reader = new DerReader(der(tags.octetString, content));
    expect(reader.expect(tags.octetString).content).toEqual(content);
    reader.end();
  }
});

test("object identifiers and times are read back", () => {
  for (const id of ["2.5.29.17", "1.2.840.113549.1.9.14", "1.3.6.1.5.5.7.3.1", "2.999.3"]) {
    expect(new DerReader(oid(id)).oid()).toBe(id);
  }
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (second) => {
      expect(readTime(new DerReader(time(second * 1000)).any())).toBe(second * 1000);
    }),
  );
});

test("integers are minimal and positive", () => {
  expect([...integer(Uint8Array.of(0, 0, 1))]).toEqual([2, 1, 1]);
  expect([...integer(Uint8Array.of(0x80))]).toEqual([2, 2, 0, 0x80]);
  expect([...integer(Uint8Array.of())]).toEqual([2, 1, 0]);
});

const refused: ReadonlyArray<readonly [string, number[], string]> = [
  ["a missing length", [0x30], "ends within a header"],
  ["an indefinite length", [0x30, 0x80, 0, 0], "indefinite length"],
  ["a long form that should be short", [0x04, 0x81, 0x01, 0x00], "shortest form"],
  ["a padded length", [0x04, 0x82, 0x00, 0x80, ...new Array<number>(128).fill(0)], "shortest form"],
  ["a huge length", [0x04, 0x85, 1, 0, 0, 0, 0], "more than 4 bytes"],
  ["a length beyond the end", [0x04, 0x02, 0x00], "longer than its container"],
  ["a high tag number", [0x1f, 0x81, 0x00], "high tag"],
];
for (const [what, bytes, message] of refused) {
  test(`${what} is refused`, () => {
    expect(() => new DerReader(Uint8Array.from(bytes)).any()).toThrow(message);
  });
}

test("another tag than the expected one is refused", () => {
  const reader = new DerReader(Uint8Array.of(0x02, 0x01, 0x00));
  expect(() => reader.expect(tags.sequence)).toThrow("expected tag 0x30, found 0x2");
});

test("bad object identifiers and times are refused", () => {
  for (const content of [[], [0x80, 1], [0x81], [0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]]) {
    expect(() => new DerReader(der(tags.oid, Uint8Array.from(content))).oid()).toThrow("object identifier");
  }
  for (const text of ["991301000000Z", "230230000000Z", "2301010000Z", "230101000060Z", "230101000000+0100"]) {
    expect(() => readTime(new DerReader(der(tags.utcTime, Buffer.from(text))).any())).toThrow("is not a time");
  }
});

test("nothing may follow the last element", () => {
  const reader = new DerReader(Buffer.concat([sequence(), sequence()]));
  reader.expect(tags.sequence);
  expect(() => reader.end()).toThrow("something follows");
});
