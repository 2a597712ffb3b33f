import { expect, test } from "bun:test";
import { seededRandom } from "#lib/random.ts";
import { MeshError } from "#lib/errors.ts";
import {
  decodeTransportHeader,
  encodeTransportHeader,
  maxHeaderBytes,
  type TransportHeader,
} from "./transport-header.ts";

const headers: readonly TransportHeader[] = [
  { port: 1, name: null, session: null },
  { port: 8080, name: null, session: "http1" },
  { port: 65_535, name: "web.emojivoto.svc.cluster.local", session: "http2" },
];

test("a header is read back at its last byte and not before, and what follows is left", () => {
  for (const header of headers) {
    const bytes = encodeTransportHeader(header);
    for (let length = 0; length < bytes.length; length++)
      expect(decodeTransportHeader(bytes.subarray(0, length))).toBe(null);
    expect(decodeTransportHeader(Buffer.concat([bytes, Buffer.from("12345")]))).toEqual({ header, end: bytes.length });
  }
});

test("the bytes are the agreed ones", () => {
  expect(encodeTransportHeader({ port: 8080, name: "a.b", session: "http2" }).toString("latin1")).toBe(
    "transport.l5d.io/v1\r\n\r\n\0\0\0\x0c\x08\x90\x3f\x12\x03a.b\x1a\x02\x12\0",
  );
});

test("unknown fields are skipped", () => {
  const message = Buffer.from("\x08\x50\x25abcd\x29abcdefgh\x32\x01x\x38\x01", "latin1");
  const bytes = Buffer.concat([
    Buffer.from("transport.l5d.io/v1\r\n\r\n\0\0\0"),
    Buffer.from([message.length]),
    message,
  ]);
  expect(decodeTransportHeader(bytes)?.header).toEqual({ port: 80, name: null, session: null });
});

function wrap(message: string): Buffer {
  const body = Buffer.from(message, "latin1");
  return Buffer.concat([Buffer.from("transport.l5d.io/v1\r\n\r\n\0\0\0"), Buffer.from([body.length]), body]);
}

test("anything else is refused", () => {
  const tooLong = encodeTransportHeader({ port: 80, name: null, session: null });
  tooLong.writeUInt32BE(maxHeaderBytes + 1, 23);
  for (const bytes of [
    Buffer.from("G"),
    Buffer.from("transport.l5d.io/v2\r\n\r\n"),
    tooLong,
    wrap(""),
    wrap("\x08\0"),
    wrap("\x08\x80\x80\x04"),
    wrap("\x08\x50\x12\x05a"),
    wrap("\x08\x50\x12\x03a b"),
    wrap("\x08"),
    wrap("\x0b"),
    wrap("\0\0"),
  ]) {
    expect(() => decodeTransportHeader(bytes)).toThrow(MeshError);
  }
});

test("mutated headers are decoded or refused, nothing else", () => {
  const random = seededRandom(4143);
  const seed = encodeTransportHeader({ port: 8080, name: "web.default", session: "http1" });
  for (let round = 0; round < 5000; round++) {
    const bytes = Buffer.from(seed);
    bytes[23 + Math.floor(random.next() * (bytes.length - 23))] = Math.floor(random.next() * 256);
    try {
      decodeTransportHeader(bytes);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(MeshError);
    }
  }
});
