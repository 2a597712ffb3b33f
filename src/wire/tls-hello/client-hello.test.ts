import { describe, expect, test } from "bun:test";
import { seededRandom } from "#lib/random.ts";
import { maxHelloBytes, readClientHello } from "./client-hello.ts";
import { clientHello } from "./testing/hello.ts";

describe("a ClientHello", () => {
  for (const records of [16_384, 100, 7, 1]) {
    test(`in records of ${records} bytes is complete at its last byte and not before`, () => {
      const bytes = clientHello(
        { serverName: "Web.Default.", alpn: ["transport.l5d.io/v1", "h2"], padding: records === 1 ? 100 : 1200 },
        records,
      );
      for (let length = 0; length < bytes.length; length++) {
        expect(readClientHello(bytes.subarray(0, length)).kind).toBe("need-more");
      }
      const whole = { kind: "client-hello", serverName: "web.default", alpn: ["transport.l5d.io/v1", "h2"] } as const;
      expect(readClientHello(bytes)).toEqual(whole);
      expect(readClientHello(Buffer.concat([bytes, Buffer.from("\x14\x03\x03\0\x01\x01", "latin1")]))).toEqual(whole);
    });
  }

  test("without extensions has no name and no protocols", () => {
    expect(readClientHello(clientHello({}))).toEqual({ kind: "client-hello", serverName: null, alpn: [] });
  });

  test("longer than the limit is not looked into", () => {
    expect(readClientHello(clientHello({ padding: maxHelloBytes })).kind).toBe("not-tls");
  });

  test("whose lengths don't agree is not TLS", () => {
    const bytes = clientHello({ serverName: "a.b" });
    bytes[bytes.length - 4] = 200; // the name's length points over the end
    expect(readClientHello(bytes).kind).toBe("not-tls");
  });
});

test("other protocols are not TLS from the first byte that says so", () => {
  for (const text of [
    "GET / HTTP/1.1\r\n",
    "SSH-2.0-x\r\n",
    "\x15\x03\x01",
    "\x16\x02",
    "\x16\x03\x01\x00\x00",
    "\x16\x03\x01\x00\x05\x02",
  ]) {
    expect(readClientHello(Buffer.from(text, "latin1")).kind).toBe("not-tls");
  }
  expect(readClientHello(Buffer.alloc(0)).kind).toBe("need-more");
});

test("mutated hellos never do anything but give an answer", () => {
  const random = seededRandom(8446);
  const seed = clientHello({ serverName: "web.default", alpn: ["h2"] }, 60);
  for (let round = 0; round < 5000; round++) {
    const bytes = Buffer.from(seed);
    for (let edits = 0; edits < 3; edits++)
      bytes[Math.floor(random.next() * bytes.length)] = Math.floor(random.next() * 256);
    expect(["need-more", "not-tls", "client-hello"]).toContain(readClientHello(bytes).kind);
  }
});
