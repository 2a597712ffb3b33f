/**
 * Text of strangers (paths, headers, names) for terminals: what would move the cursor, colour, ring, or turn the direction of
 * writing around is shown as an escape. Everything else stays, in any script.
 */

/** Control characters (C0, DEL, C1), line and paragraph separators, bidirectional controls, zero-width characters, lone surrogates. */
const dangerous =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Surrogate}|[\u{e0000}-\u{e0fff}]/gu;

function escape(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\u{${code.toString(16)}}`;
}

export function printable(text: string): string {
  return text.replaceAll(dangerous, escape);
}

/** JSON on one line that is as harmless on a terminal and reads back as the same value. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(dangerous, (character) =>
    [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}
