/**
 * The static Huffman code of RFC 7541 Appendix B. It is canonical (codes of one length are consecutive, in symbol
 * order), so the lengths alone describe it. Decoding walks a state machine of 256 states, four bits a step.
 */

/** Code length in bits per symbol, 0–255 and then EOS. */
export const codeLengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
];

const eos = 256;

/** The code of each symbol, by the canonical rule: in order of length, then of symbol. */
export function huffmanCodes(): readonly number[] {
  const codes = new Array<number>(codeLengths.length).fill(0);
  // Symbols by length in one pass, rather than a pass for each of 30 lengths.
  const byLength: number[][] = [];
  for (let symbol = 0; symbol < codeLengths.length; symbol++) (byLength[codeLengths[symbol]!] ??= []).push(symbol);
  let next = 0;
  for (let length = 1; length <= 30; length++) {
    next *= 2;
    for (const symbol of byLength[length] ?? []) codes[symbol] = next++;
  }
  return codes;
}

/** Bits of a transition: the next state in the low byte, an emitted symbol in the second. */
const emits = 1 << 16;
/** The input may end here: at most seven bits, all ones, since the last symbol (RFC 7541 §5.2). */
const accepts = 1 << 17;
const fails = 1 << 18;

function buildTransitions(): Uint32Array {
  // A binary tree: positive = inner node, negative = -(symbol + 1).
  const tree: [number, number][] = [[0, 0]];
  const codes = huffmanCodes();
  for (let symbol = 0; symbol <= eos; symbol++) {
    const length = codeLengths[symbol]!;
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const side = (codes[symbol]! >>> bit) & 1;
      if (tree[node]![side] === 0) tree[node]![side] = tree.push([0, 0]) - 1;
      node = tree[node]![side]!;
    }
    tree[node]![codes[symbol]! & 1] = -(symbol + 1);
  }
  const accepting = new Set([0]);
  for (let node = 0, bits = 0; bits < 7; bits++) accepting.add((node = tree[node]![1]));
  const table = new Uint32Array(tree.length * 16);
  for (let state = 0; state < tree.length; state++) {
    for (let nibble = 0; nibble < 16; nibble++) table[state * 16 + nibble] = transition(tree, accepting, state, nibble);
  }
  return table;
}

function transition(tree: [number, number][], accepting: Set<number>, state: number, nibble: number): number {
  let node = state;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const child = tree[node]![(nibble >> bit) & 1]!;
    if (child >= 0) {
      node = child;
      continue;
    }
    const symbol = -child - 1;
    if (symbol === eos) return fails;
    emitted = emits | (symbol << 8);
    node = 0;
  }
  return node | emitted | (accepting.has(node) ? accepts : 0);
}

/** Built by the first block that needs it: 16 KB, and a millisecond. */
const built: { transitions: Uint32Array | null } = { transitions: null };

/**
 * Decodes `bytes[start, end)` into `scratch`, which must hold 8/5 of the input.
 * @returns the number of bytes written, or -1 when the input is not a valid encoding.
 */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number, scratch: Uint8Array): number {
  const transitions = (built.transitions ??= buildTransitions());
  let state = 0;
  let step = accepts;
  let written = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    step = transitions[(state << 4) | (byte >> 4)]!;
    if (step & fails) return -1;
    if (step & emits) scratch[written++] = step >> 8;
    step = transitions[((step & 255) << 4) | (byte & 15)]!;
    if (step & fails) return -1;
    if (step & emits) scratch[written++] = step >> 8;
    state = step & 255;
  }
  return step & accepts ? written : -1;
}
