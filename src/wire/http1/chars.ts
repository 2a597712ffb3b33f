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

/** unreserved, sub-delims and "%" of RFC 3986: what names in an authority are made of. */
const isHostChar = table((code) => isTokenChar[code] === 1);
for (const mark of "#^`|") isHostChar[mark.charCodeAt(0)] = 0;
for (const mark of "(),;=") isHostChar[mark.charCodeAt(0)] = 1;
const isIpv6Char = table((code) => code >= 48 && code <= 58);
for (const mark of "abcdefABCDEF.") isIpv6Char[mark.charCodeAt(0)] = 1;
const isDigit = table((code) => code >= 48 && code <= 57);

/** host [":" port] of RFC 3986 §3.2.2, or nothing. A loop: it runs for every request of HTTP/2. */
export function isAuthority(text: string): boolean {
  const close = text.charCodeAt(0) === 91 ? text.indexOf("]") : -1;
  const colon = text.indexOf(":", close + 1);
  const end = colon < 0 ? text.length : colon;
  if (close >= 0) {
    if (end !== close + 1 || !isAll(text.slice(1, close), isIpv6Char)) return false;
  } else if (end > 0 && !isAll(text.slice(0, end), isHostChar)) return false;
  const port = text.length - end - 1;
  return port <= 0 || (port <= 5 && isAll(text.slice(end + 1), isDigit));
}
