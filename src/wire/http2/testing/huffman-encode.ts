import { codeLengths, huffmanCodes } from "../hpack/huffman.ts";

/** Huffman encoding for tests: our own encoder never uses it, other people's do. */
export function huffmanEncode(text: string): Buffer {
  const codes = huffmanCodes();
  let bits = "";
  for (let at = 0; at < text.length; at++) {
    const symbol = text.charCodeAt(at);
    bits += codes[symbol]!.toString(2).padStart(codeLengths[symbol]!, "0");
  }
  bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
