import { isAll, isFieldChar, isTokenChar } from "../../http1/chars.ts";

/** What HTTP/2 has to know about a field name. Small numbers, because every decoded field is switched on it. */
export const nameKind = {
  regular: 0,
  method: 1,
  scheme: 2,
  authority: 3,
  path: 4,
  status: 5,
  contentLength: 6,
  te: 7,
  host: 8,
  /** Not allowed in HTTP/2: it belongs to one HTTP/1 connection (RFC 9113 §8.2.2). */
  connectionSpecific: 9,
  /** Not a lower-case token, or an unknown pseudo-header. */
  invalid: 10,
} as const;
export type NameKind = (typeof nameKind)[keyof typeof nameKind];

const known: ReadonlyMap<string, NameKind> = new Map<string, NameKind>([
  [":method", nameKind.method],
  [":scheme", nameKind.scheme],
  [":authority", nameKind.authority],
  [":path", nameKind.path],
  [":status", nameKind.status],
  ["content-length", nameKind.contentLength],
  ["te", nameKind.te],
  ["host", nameKind.host],
  ["connection", nameKind.connectionSpecific],
  ["proxy-connection", nameKind.connectionSpecific],
  ["keep-alive", nameKind.connectionSpecific],
  ["transfer-encoding", nameKind.connectionSpecific],
  ["upgrade", nameKind.connectionSpecific],
]);

/** Like tchar (RFC 9110 §5.6.2), without capital letters. */
const isNameChar = isTokenChar.map((is, code) => (code >= 65 && code <= 90 ? 0 : is));

export function classifyName(name: string): NameKind {
  const kind = known.get(name);
  if (kind !== undefined) return kind;
  return isAll(name, isNameChar) ? nameKind.regular : nameKind.invalid;
}

/**
 * Whether a field value may be sent: visible characters, spaces and tabs inside, bytes above 0x7f (RFC 9110 §5.5, RFC
 * 9113 §8.2.1). A loop, because regular expressions are not compiled here (proxy/runtime-options.ts).
 */
export function isFieldValue(text: string): boolean {
  const last = text.length - 1;
  if (last < 0) return true;
  return isAll(text, isFieldChar) && !isSpace(text.charCodeAt(0)) && !isSpace(text.charCodeAt(last));
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9;
}

/** A header field as tables hold it, judged once. Strings carry one byte per character. */
export class Field {
  readonly name: string;
  readonly value: string;
  readonly nameKind: NameKind;
  readonly validValue: boolean;
  /** RFC 7541 §4.1. */
  readonly size: number;

  constructor(name: string, text: string, kind: NameKind = classifyName(name)) {
    this.name = name;
    this.value = text;
    this.nameKind = kind;
    this.validValue = isFieldValue(text);
    this.size = name.length + text.length + 32;
  }
}
