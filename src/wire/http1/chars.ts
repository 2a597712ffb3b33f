/** Character classes of RFC 9110 §5.6.2 and RFC 9112, as tables indexed by character code 0–255. */

// Plain loops: whatever runs hot while a proxy starts is compiled, and the compiler's memory is not given back.
function table(accept: (code: number) => boolean): Uint8Array {
  const out = new Uint8Array(256);
  for (let code = 0; code < 256; code++) if (accept(code)) out[code] = 1;
  return out;
}

/** tchar: what methods and field names are made of. */
export const isTokenChar = table(
  (code) => (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122),
);
for (const mark of "!#$%&'*+-.^_`|~") isTokenChar[mark.charCodeAt(0)] = 1;

/** field-content and reason-phrase: HTAB, SP, VCHAR, obs-text. */
export const isFieldChar = table((code) => code === 9 || (code >= 32 && code !== 127));

/** Characters of a request target: visible ASCII without "#", which only a fragment would need. */
export const isTargetChar = table((code) => code > 32 && code < 127 && code !== 35);

/** Whether all of `text` is of one class, and there is at least one character. */
export function isAll(text: string, classTable: Uint8Array): boolean {
  if (text.length === 0) return false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 255 || classTable[code] !== 1) return false;
  }
  return true;
}
