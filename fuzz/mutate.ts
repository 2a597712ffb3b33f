import type { Dice } from "./dice.ts";

/** Longer inputs find nothing that shorter ones don't, and take longer. */
export const maxInput = 4096;

const edges = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x0d, 0x20];

/** One to four edits of `input`: bits, bytes, numbers, pieces of the dictionary, cuts, copies, and parts of `other`. */
export function mutate(input: Buffer, other: Buffer, dictionary: readonly Buffer[], dice: Dice): Buffer {
  let bytes = Buffer.from(input);
  for (let edits = 1 + dice.below(4); edits > 0; edits--) bytes = edit(bytes, other, dictionary, dice);
  return bytes.subarray(0, maxInput);
}

function edit(bytes: Buffer, other: Buffer, dictionary: readonly Buffer[], dice: Dice): Buffer<ArrayBuffer> {
  const at = dice.below(bytes.length + 1);
  const length = Math.min(bytes.length - at, dice.once(4) ? dice.below(64) : dice.below(4));
  const replaced = (by: Uint8Array, drop: number): Buffer<ArrayBuffer> =>
    Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(at + drop)]);
  switch (dice.below(8)) {
    case 0:
      return replaced(Buffer.from([(bytes[at] ?? 0) ^ (1 << dice.below(8))]), 1);
    case 1:
      return replaced(Buffer.from([dice.once(2) ? dice.pick(edges) : dice.below(256)]), 1);
    case 2:
      return replaced(Buffer.alloc(0), length);
    case 3:
      return replaced(bytes.subarray(at, at + length), 0);
    case 4: {
      const from = dice.below(other.length + 1);
      return replaced(other.subarray(from, from + dice.below(48)), length);
    }
    case 5:
      return Buffer.concat([bytes, other]);
    default:
      return dictionary.length === 0 ? replaced(dice.bytes(2), length) : replaced(dice.pick(dictionary), length);
  }
}
