/** HPACK: blocks of one connection, decoded as a plain reference does; encoded again and decoded to the same fields. */
import { MeshError } from "#lib/errors.ts";
import { http2Code, http2CodeOf } from "#wire/http2/errors.ts";
import type { HeaderBlock } from "#wire/http2/header-block.ts";
import { HpackDecoder } from "#wire/http2/hpack/decoder.ts";
import { HpackEncoder } from "#wire/http2/hpack/encoder.ts";
import { staticTable } from "#wire/http2/hpack/static-table.ts";
import { huffmanEncode } from "#wire/http2/testing/huffman-encode.ts";
import type { Dice } from "../dice.ts";
import { ReferenceHpack, type ReferenceField } from "../references/hpack.ts";
import { Mismatch, same, type Target } from "../target.ts";

const limits = { maxListBytes: 32_768, maxListCount: 128 };

/** An input is blocks one after another, each with its length in two bytes. A cut-off last block is a block. */
function blocksOf(input: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = 0; at + 2 <= input.length;) {
    const end = Math.min(input.length, at + 2 + (((input[at] ?? 0) & 3) << 8) + (input[at + 1] ?? 0));
    blocks.push(input.subarray(at + 2, end));
    at = end;
  }
  return blocks;
}

const packed = (block: Buffer): Buffer => Buffer.concat([Buffer.from([block.length >> 8, block.length & 255]), block]);

function integer(prefix: number, bits: number, value: number): number[] {
  const most = 2 ** bits - 1;
  if (value < most) return [prefix | value];
  const out = [prefix | most];
  let rest = value - most;
  for (; rest > 127; rest >>>= 7) out.push((rest & 127) | 128);
  return [...out, rest];
}

const words = [
  "",
  "a",
  "x-request-id",
  "grpc-timeout",
  "GET",
  "/a/b?c=d",
  "trailers",
  "caf\xe9",
  "\0\xff",
  "v".repeat(300),
];
/** Each as it is and by Huffman's code, with its length. */
const strings = words.flatMap((word) => {
  const code = huffmanEncode(word);
  return [
    [...integer(0, 7, word.length), ...Buffer.from(word, "latin1")],
    [...integer(128, 7, code.length), ...code],
  ];
});

/** A block with every representation, and indexes that are mostly in the tables. */
export function generateBlock(dice: Dice): Buffer {
  const out: number[] = [];
  if (dice.once(6)) out.push(...integer(0x20, 5, dice.once(8) ? 5000 : dice.below(4097)));
  for (let fields = dice.below(10); fields > 0; fields--) {
    const name = (): number[] => {
      const index = dice.once(3) ? 0 : 1 + dice.below(dice.once(3) ? 80 : 61);
      return [index, ...(index === 0 ? dice.pick(strings) : [])];
    };
    const [index = 0, ...named] = name();
    const value = dice.pick(strings);
    switch (dice.below(4)) {
      case 0:
        out.push(...integer(0x80, 7, 1 + dice.below(dice.once(3) ? 90 : 61)));
        break;
      case 1:
        out.push(...integer(0x40, 6, index), ...named, ...value);
        break;
      default:
        out.push(...integer(dice.once(2) ? 0x10 : 0, 4, index), ...named, ...value);
    }
  }
  return Buffer.from(out);
}

const shownFields = (fields: readonly ReferenceField[]): string =>
  fields.map(({ name, value, never }) => `${never ? "!" : ""}${name}\x01${value}`).join("\x02");

function shown(block: HeaderBlock): string {
  const fields: ReferenceField[] = [];
  for (let at = 0; at < block.fields.length; at += 2) {
    const never = block.neverIndexed?.includes(at) === true;
    fields.push({ name: block.fields[at] ?? "", value: block.fields[at + 1] ?? "", never });
  }
  return shownFields(fields);
}

const plain = (rendering: string): string => rendering.replaceAll(/(^|\x02)!/g, "$1");

export const hpack: Target = {
  name: "hpack",
  seeds: [
    packed(Buffer.from([0x82, 0x86, 0x84, 0x41, 0x0f, ...Buffer.from("www.example.com")])),
    packed(Buffer.from([0x3f, 0xe1, 0x1f, 0xbe])),
    packed(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0x0f])),
  ],
  dictionary: [
    Buffer.from([0x20]),
    Buffer.from([0x3f, 0xe1, 0x1f]),
    Buffer.from([0xbe]),
    Buffer.from([0xff, 0x80, 0x01]),
    Buffer.from([0x7f, 0xff, 0xff, 0xff, 0x7f]),
    Buffer.from([0x84, 0xff, 0xff, 0xff, 0xff]),
    ...staticTable.slice(1, 20).map(({ name }) => Buffer.from(name)),
  ],
  generate: (dice) => Buffer.concat(Array.from({ length: 1 + dice.below(4) }, () => packed(generateBlock(dice)))),
  run(input, dice) {
    const decoder = new HpackDecoder(limits);
    const reference = new ReferenceHpack();
    const encoder = new HpackEncoder();
    const again = new HpackDecoder(limits);
    // Repeats bring blocks into the memory of both directions.
    for (const bytes of blocksOf(input).flatMap((block) => (dice.once(3) ? [block, block, block] : [block]))) {
      const expected = reference.decode(bytes);
      let block: HeaderBlock;
      try {
        block = decoder.decode(bytes, 0, bytes.length);
      } catch (thrown) {
        if (!(thrown instanceof MeshError)) throw thrown;
        if (http2CodeOf(thrown) === http2Code.enhanceYourCalm) return;
        if (expected !== null) throw new Mismatch(`Refused a block that the reference reads: ${thrown.message}`);
        return;
      }
      if (expected === null) throw new Mismatch("Read a block that the reference refuses");
      if (block.tooLarge) continue;
      same("A block", shown(block), shownFields(expected));
      if (dice.once(8)) encoder.setMaxTableBytes(dice.below(6000));
      const out = Buffer.alloc(HpackEncoder.bound(block));
      const end = encoder.encode(block, out, 0);
      const back = again.decode(out, 0, end);
      same("A block encoded again", plain(shown(back)), plain(shown(block)));
      for (const at of block.neverIndexed ?? []) {
        if (back.neverIndexed?.includes(at) !== true) throw new Mismatch(`Field ${at / 2} lost its "never indexed"`);
      }
    }
  },
};
