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

const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** Visible characters, spaces and tabs inside, and bytes above 0x7f (RFC 9110 §5.5, RFC 9113 §8.2.1). */
const value = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;

export function classifyName(name: string): NameKind {
  const kind = known.get(name);
  if (kind !== undefined) return kind;
  return token.test(name) ? nameKind.regular : nameKind.invalid;
}

/** Whether a field value may be sent: no control characters, no space around it, nothing beyond one byte per character. */
export function isFieldValue(text: string): boolean {
  return value.test(text);
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
