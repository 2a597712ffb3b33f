/**
 * ASN.1 DER (ITU-T X.690): just what certificates and signing requests need.
 *
 * The reader is strict: definite lengths in the shortest form, low tag numbers, nothing after the value. It never
 * copies and never reads beyond its bytes, so hostile input can only raise "invalid-argument".
 */
import { MeshError } from "../errors.ts";

/** Identifier octets used here. Context tags: 0x80 | n primitive, 0xa0 | n constructed. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One element: its tag, its content, and the whole with header (signatures cover that). */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

function broken(what: string): MeshError {
  return new MeshError("invalid-argument", `Reading DER: ${what}`);
}

/** Elements one after another. */
export class DerReader {
  private readonly bytes: Uint8Array;
  private offset = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get done(): boolean {
    return this.offset >= this.bytes.length;
  }

  /** The tag of the next element, or -1 at the end. */
  peek(): number {
    return this.bytes[this.offset] ?? -1;
  }

  /** The next element of any tag. */
  any(): DerElement {
    const start = this.offset;
    const tag = this.bytes[start];
    const first = this.bytes[start + 1];
    if (tag === undefined || first === undefined) throw broken("it ends within a header");
    if ((tag & 0x1f) === 0x1f) throw broken("high tag numbers are not supported");
    let at = start + 2;
    let length = first;
    if (first >= 0x80) {
      const octets = first & 0x7f;
      if (octets === 0) throw broken("indefinite length");
      if (octets > 4) throw broken("a length of more than 4 bytes");
      length = 0;
      for (let index = 0; index < octets; index++) {
        const octet = this.bytes[at++];
        if (octet === undefined) throw broken("it ends within a length");
        length = length * 256 + octet;
      }
      if (length < 0x80 || length < 256 ** (octets - 1)) throw broken("a length that is not in its shortest form");
    }
    if (length > this.bytes.length - at) throw broken("an element is longer than its container");
    this.offset = at + length;
    return {
      tag,
      content: this.bytes.subarray(at, this.offset),
      whole: this.bytes.subarray(start, this.offset),
    };
  }

  /** The next element, which must have this tag. */
  expect(tag: number): DerElement {
    if (this.peek() !== tag) {
      throw broken(
        `expected tag 0x${tag.toString(16)}, found ${this.done ? "the end" : `0x${this.peek().toString(16)}`}`,
      );
    }
    return this.any();
  }

  /** The next element if it has this tag. */
  optional(tag: number): DerElement | null {
    return this.peek() === tag ? this.any() : null;
  }

  /** The inside of the next element, which must have this tag. */
  enter(tag: number): DerReader {
    return new DerReader(this.expect(tag).content);
  }

  /** Fails when something is left. */
  end(): void {
    if (!this.done) throw broken("something follows the last element");
  }

  /** An object identifier in dotted form. */
  oid(): string {
    return decodeOid(this.expect(tags.oid).content);
  }
}

function decodeOid(content: Uint8Array): string {
  const arcs: number[] = [];
  let value = 0;
  let within = false;
  for (const octet of content) {
    if (!within && octet === 0x80) throw broken("an object identifier with a padded arc");
    value = value * 128 + (octet & 0x7f);
    if (value > 0xffff_ffff) throw broken("an object identifier with a huge arc");
    within = octet >= 0x80;
    if (within) continue;
    if (arcs.length === 0) {
      const root = Math.min(2, Math.floor(value / 40));
      arcs.push(root, value - root * 40);
    } else arcs.push(value);
    value = 0;
  }
  if (within || arcs.length === 0) throw broken("a truncated object identifier");
  return arcs.join(".");
}

/** One element around the joined contents. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest & 0xff);
  const header = length < 0x80 ? [tag, length] : [tag, 0x80 | octets.length, ...octets];
  const bytes = new Uint8Array(header.length + length);
  bytes.set(header);
  let at = header.length;
  for (const part of contents) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export const sequence = (...contents: readonly Uint8Array[]): Uint8Array => der(tags.sequence, ...contents);

/** A context-specific constructed element [n]. */
export const context = (n: number, ...contents: readonly Uint8Array[]): Uint8Array => der(0xa0 | n, ...contents);

/** An unsigned big-endian number as INTEGER: leading zeros dropped, one added where the sign bit would be set. */
export function integer(magnitude: Uint8Array): Uint8Array {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++;
  const digits = magnitude.length === 0 ? Uint8Array.of(0) : magnitude.subarray(start);
  return (digits[0] ?? 0) >= 0x80 ? der(tags.integer, Uint8Array.of(0), digits) : der(tags.integer, digits);
}

export function oid(dotted: string): Uint8Array {
  const [root = 0, second = 0, ...arcs] = dotted.split(".").map(Number);
  const octets: number[] = [];
  for (const arc of [root * 40 + second, ...arcs]) {
    const digits = [arc & 0x7f];
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128))
      digits.unshift((rest & 0x7f) | 0x80);
    octets.push(...digits);
  }
  return der(tags.oid, Uint8Array.from(octets));
}

/** BIT STRING of whole bytes. */
export const bitString = (content: Uint8Array): Uint8Array => der(tags.bitString, Uint8Array.of(0), content);

export const octetString = (content: Uint8Array): Uint8Array => der(tags.octetString, content);

export const boolean = (value: boolean): Uint8Array => der(tags.boolean, Uint8Array.of(value ? 0xff : 0));

export const text = (tag: number, value: string): Uint8Array => der(tag, new TextEncoder().encode(value));

/** UTCTime up to 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5); fractions of a second are cut. `time`: ms since 1970. */
export function time(at: number): Uint8Array {
  const iso = new Date(at)
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replace(/[-:T]/g, "");
  const year = Number(iso.slice(0, 4));
  return year >= 1950 && year < 2050 ? text(tags.utcTime, iso.slice(2)) : text(tags.generalizedTime, iso);
}

/** ms since 1970 of a UTCTime or GeneralizedTime in the only form that RFC 5280 allows. */
export function readTime(element: DerElement): number {
  const value = new TextDecoder("latin1").decode(element.content);
  const match =
    element.tag === tags.utcTime
      ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(value)
      : element.tag === tags.generalizedTime
        ? /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(value)
        : null;
  if (match === null) throw broken(`"${value}" is not a time`);
  const [first = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const year = element.tag === tags.utcTime ? (first >= 50 ? 1900 + first : 2000 + first) : first;
  const at = Date.UTC(year, month - 1, day, hour, minute, second);
  if (new Date(at).getUTCMonth() !== month - 1 || hour > 23 || minute > 59 || second > 59) {
    throw broken(`"${value}" is not a time`);
  }
  return at;
}
