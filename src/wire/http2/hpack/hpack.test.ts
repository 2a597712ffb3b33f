import { describe, expect, test } from "bun:test";
import { array, assert, constantFrom, property, tuple } from "fast-check";
import { seededRandom } from "#lib/random.ts";
import { type HeaderBlock, repeated, trailerBlock } from "../header-block.ts";
import { huffmanEncode } from "../testing/huffman-encode.ts";
import { HpackDecoder } from "./decoder.ts";
import { HpackEncoder } from "./encoder.ts";
import { huffmanCodes, huffmanDecode } from "./huffman.ts";

const limits = { maxListBytes: 32 * 1024, maxListCount: 128 };

function decodeHex(decoder: HpackDecoder, hex: string): string[] {
  const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
  return [...decoder.decode(bytes, 0, bytes.length).fields];
}

/** Encodes with `encoder`, decodes with `decoder`. */
function carry(encoder: HpackEncoder, decoder: HpackDecoder, block: HeaderBlock): HeaderBlock {
  const out = Buffer.alloc(HpackEncoder.bound(block));
  return decoder.decode(out, 0, encoder.encode(block, out, 0));
}

describe("Huffman coding", () => {
  test("has the codes of RFC 7541 Appendix B", () => {
    const codes = huffmanCodes();
    expect([..."0a:Z}"].map((char) => codes[char.charCodeAt(0)])).toEqual([0x0, 0x3, 0x5c, 0xfd, 0x3ffd]);
    expect([codes[0], codes[10], codes[255], codes[256]]).toEqual([0x1ff8, 0x3ffffffc, 0x3ffffee, 0x3fffffff]);
  });

  test("decodes what it encodes, every byte included", () => {
    const text = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("");
    const encoded = huffmanEncode(text);
    const scratch = Buffer.alloc(1024);
    expect(scratch.toString("latin1", 0, huffmanDecode(encoded, 0, encoded.length, scratch))).toBe(text);
  });

  test("refuses padding that is too long, not all ones, or EOS", () => {
    const scratch = Buffer.alloc(16);
    for (const hex of ["1fff", "18", "ffffffff", "fffffffc"]) {
      const bytes = Buffer.from(hex, "hex");
      expect(huffmanDecode(bytes, 0, bytes.length, scratch)).toBe(-1);
    }
  });
});

describe("The HPACK decoder", () => {
  test("reads the requests of RFC 7541 C.3 and C.4", () => {
    const expected = [
      [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"],
      [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com", "cache-control", "no-cache"],
      [
        ":method",
        "GET",
        ":scheme",
        "https",
        ":path",
        "/index.html",
        ":authority",
        "www.example.com",
        "custom-key",
        "custom-value",
      ],
    ];
    const plain = new HpackDecoder(limits);
    expect(decodeHex(plain, "828684410f7777772e6578616d706c652e636f6d")).toEqual(expected[0]!);
    expect(decodeHex(plain, "828684be58086e6f2d6361636865")).toEqual(expected[1]!);
    expect(decodeHex(plain, "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565")).toEqual(expected[2]!);
    const huffman = new HpackDecoder(limits);
    expect(decodeHex(huffman, "828684418cf1e3c2e5f23a6ba0ab90f4ff")).toEqual(expected[0]!);
    expect(decodeHex(huffman, "828684be5886a8eb10649cbf")).toEqual(expected[1]!);
    expect(decodeHex(huffman, "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf")).toEqual(expected[2]!);
  });

  test("evicts as in the responses of RFC 7541 C.6", () => {
    const decoder = new HpackDecoder({ ...limits, maxTableBytes: 256 });
    const date = "Mon, 21 Oct 2013 20:13:21 GMT";
    const location = "https://www.example.com";
    expect(
      decodeHex(
        decoder,
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
      ),
    ).toEqual([":status", "302", "cache-control", "private", "date", date, "location", location]);
    expect(decodeHex(decoder, "4883640effc1c0bf")).toEqual([
      ":status",
      "307",
      "cache-control",
      "private",
      "date",
      date,
      "location",
      location,
    ]);
    expect(
      decodeHex(
        decoder,
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
      ),
    ).toEqual([
      ":status", "200", "cache-control", "private", "date", "Mon, 21 Oct 2013 20:13:22 GMT", "location", location,
      "content-encoding", "gzip", "set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    ]); // prettier-ignore
  });

  test("refuses broken encodings with COMPRESSION_ERROR", () => {
    const broken = {
      "index 0": "80",
      "an index beyond the table": "be",
      "a table larger than allowed": "3fe21f",
      "a size update after a field": "823f01",
      "an integer without its end": "7f8080",
      "an integer that never ends": "7fffffffffffff01",
      "a string longer than the block": "400a63",
      "a missing value": "4001 61",
      "a Huffman string with EOS": "4084ffffffff0161",
    };
    for (const [what, hex] of Object.entries(broken)) {
      expect(() => decodeHex(new HpackDecoder(limits), hex), what).toThrow(/HTTP\/2 connection failed/);
    }
  });

  test("stops collecting at the limits, but keeps its table in step", () => {
    const decoder = new HpackDecoder({ maxListBytes: 100, maxListCount: 128 });
    const encoder = new HpackEncoder();
    expect(carry(encoder, decoder, trailerBlock(["a", "b".repeat(80)])).tooLarge).toBe(true);
    expect(carry(encoder, decoder, trailerBlock(["a", "b".repeat(20)])).fields).toEqual(["a", "b".repeat(20)]);
    const counting = new HpackDecoder({ maxListBytes: 1000, maxListCount: 2 });
    expect(carry(new HpackEncoder(), counting, trailerBlock(["a", "1", "b", "2", "c", "3"])).tooLarge).toBe(true);
  });

  test("gives the same object for bytes that came twice before, until the table changes", () => {
    const decoder = new HpackDecoder(limits);
    decodeHex(decoder, "400161 0162");
    const bytes = Buffer.from("8286be", "hex");
    const blocks = [1, 2, 3, 4].map(() => decoder.decode(bytes, 0, 3));
    expect(blocks[2]).toBe(blocks[1]!);
    expect(blocks[3]).toBe(blocks[1]!);
    decodeHex(decoder, "400161 0162");
    expect(decoder.decode(bytes, 0, 3)).not.toBe(blocks[1]!);
  });

  test("gives the same object for bytes that insert the same again and again and take nothing from the table", () => {
    const decoder = new HpackDecoder(limits);
    // 200, and content-type "a" as a new entry.
    const same = "88 5f0161";
    const blocks = [1, 2, 3].map(() => {
      const bytes = Buffer.from(same.replaceAll(" ", ""), "hex");
      return decoder.decode(bytes, 0, bytes.length);
    });
    expect(blocks[2]).toBe(blocks[1]!);
    expect(decodeHex(decoder, "be bf c0")).toEqual(["content-type", "a", "content-type", "a", "content-type", "a"]);
  });

  test("means the same with its memory as the RFC says without one, whatever is repeated", () => {
    const value = (text: string): number[] => [text.length, ...Buffer.from(text)];
    const values = ["a", "b", "c"];
    const step = constantFrom("static", "insert", "resize", "newest", "older", "named");
    const blocks = array(array(tuple(step, constantFrom(...values)), { maxLength: 3 }), { maxLength: 60 });
    assert(
      property(blocks, (all) => {
        const decoder = new HpackDecoder(limits);
        let table: string[] = [];
        let capacity = 4096;
        const insert = (text: string): void => {
          table = [text, ...table].slice(0, Math.floor(capacity / (32 + "content-type".length + 1)));
        };
        for (const steps of all) {
          const bytes: number[] = [];
          const expected: string[] = [];
          for (const [what, text] of steps) {
            if (what === "static") {
              bytes.push(0x88);
              expected.push(":status", "200");
            } else if (what === "resize") {
              if (expected.length > 0) continue;
              capacity = text === "a" ? 100 : 4096;
              bytes.push(...(text === "a" ? [0x3f, 69] : [0x3f, 0xe1, 0x1f]));
              table = table.slice(0, Math.floor(capacity / 45));
            } else if (what === "insert" || (what === "named" && table.length === 0)) {
              bytes.push(0x5f, ...value(text));
              insert(text);
              expected.push("content-type", text);
            } else if (what === "named") {
              bytes.push(0x40 | 62, ...value(text));
              insert(text);
              expected.push("content-type", text);
            } else {
              const back = what === "newest" ? 0 : table.length - 1;
              const known = table[back];
              if (known === undefined) continue;
              bytes.push(0x80 | Math.min(127, 62 + back));
              if (62 + back >= 127) bytes.push(62 + back - 127);
              expected.push("content-type", known);
            }
          }
          expect([...decoder.decode(Buffer.from(bytes), 0, bytes.length).fields]).toEqual(expected);
        }
      }),
    );
  });

  test("remembers fields that must never be indexed", () => {
    const block = new HpackDecoder(limits).decode(Buffer.from("100161016282", "hex"), 0, 6);
    expect(block.neverIndexed).toEqual([0]);
    const out = Buffer.alloc(HpackEncoder.bound(block));
    new HpackEncoder().encode(block, out, 0);
    expect(out[0]).toBe(0x10);
  });
});

describe("The HPACK encoder", () => {
  test("indexes what repeats, not what varies, and never secrets", () => {
    const encoder = new HpackEncoder();
    const encode = (fields: string[]): string => {
      const block = trailerBlock(fields);
      const out = Buffer.alloc(HpackEncoder.bound(block));
      return out.toString("hex", 0, encoder.encode(block, out, 0));
    };
    expect(encode(["grpc-status", "0"])).toBe("400b677270632d7374617475730130");
    expect(encode(["grpc-status", "0"])).toBe("be");
    const traced = encode(["traceparent", "x"]);
    expect(encode(["traceparent", "x"])).toBe(traced);
    expect(encode(["authorization", "x"])).toBe("1f080178");
  });

  test("announces the smallest and the last table size, and sends nothing larger", () => {
    const encoder = new HpackEncoder();
    const block = trailerBlock(["a", "b"]);
    const out = Buffer.alloc(HpackEncoder.bound(block));
    encoder.encode(block, out, 0);
    encoder.setMaxTableBytes(0);
    encoder.setMaxTableBytes(1000);
    expect(out.toString("hex", 0, encoder.encode(block, out, 0))).toBe("203fc9074001610162");
    encoder.setMaxTableBytes(0);
    expect(out.toString("hex", 0, encoder.encode(block, out, 0))).toBe("200001610162");
  });

  test("repeats remembered blocks byte for byte while its table stands still", () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(limits);
    const block = repeated(trailerBlock(["grpc-status", "0", "x", "y"]), 7);
    for (let round = 0; round < 5; round++) {
      expect(carry(encoder, decoder, block).fields).toEqual(block.fields);
      if (round === 3) carry(encoder, decoder, trailerBlock(["new", "entry"]));
    }
  });

  test("and the decoder agree on 5,000 random blocks with table size changes", () => {
    const random = seededRandom(7541);
    const pick = (below: number): number => Math.floor(random.next() * below);
    const names = [
      "a",
      "content-type",
      "x-y-z",
      "accept",
      "traceparent",
      "cookie",
      "grpc-status",
      "etag",
      "via",
      "long".repeat(20),
    ];
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(limits);
    const constant = repeated(trailerBlock(["grpc-status", "0", "grpc-message", ""]), 99);
    for (let round = 0; round < 5000; round++) {
      if (pick(500) === 0) encoder.setMaxTableBytes(pick(5000));
      let block = constant;
      if (pick(4) > 0) {
        const fields: string[] = [];
        for (let count = pick(8); count > 0; count--)
          fields.push(names[pick(names.length)]!, "v".repeat(pick(40)) + pick(30));
        block = trailerBlock(fields);
      }
      const decoded = carry(encoder, decoder, block);
      if (decoded.fields.join("\n") !== block.fields.join("\n")) expect(decoded.fields).toEqual(block.fields);
    }
  });

  test("survives garbage: the decoder throws or returns, within its limits", () => {
    const random = seededRandom(1);
    for (let round = 0; round < 5000; round++) {
      const bytes = Buffer.from(
        Array.from({ length: 1 + Math.floor(random.next() * 40) }, () => Math.floor(random.next() * 256)),
      );
      const decoder = new HpackDecoder({ maxListBytes: 200, maxListCount: 4 });
      try {
        expect(decoder.decode(bytes, 0, bytes.length).fields.length).toBeLessThanOrEqual(8);
      } catch (error) {
        expect(String(error)).toMatch(/HTTP\/2 connection failed/);
      }
    }
  });
});
