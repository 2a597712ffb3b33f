/** Netlink messages: attributes, headers and answers. netlink(7); all header numbers are little-endian as on our machines. */
import { MeshError } from "#lib/errors.ts";

/** An attribute: its type and its value, or the attributes nested in it. */
export type Attribute = readonly [type: number, value: Uint8Array | readonly Attribute[]];

const nested = 0x8000;
const align = (size: number): number => (size + 3) & ~3;

/** A number in network byte order, as most attributes of nf_tables are. Negative ones in two's complement. */
export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value | 0);
  return bytes;
}

/** A number in the machine's byte order. */
export function hostU32(value: number): Uint8Array {
  return u32(value).toReversed();
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

/** A string with the zero byte that ends it. */
export function text(value: string): Uint8Array {
  return Buffer.from(`${value}\0`, "latin1");
}

/** The attributes one after the other, each padded to 4 bytes. */
export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [type, value] of attributes) {
    const payload = value instanceof Uint8Array ? value : encodeAttributes(value);
    const flagged = value instanceof Uint8Array ? type : type | nested;
    const part = new Uint8Array(align(4 + payload.length));
    const view = new DataView(part.buffer);
    view.setUint16(0, 4 + payload.length, true);
    view.setUint16(2, flagged, true);
    part.set(payload, 4);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

export const requestFlags = {
  request: 0x1,
  acknowledge: 0x4,
  create: 0x400,
  append: 0x800,
} as const;

export interface Message {
  readonly type: number;
  readonly flags: number;
  /** Given back in the answer. */
  readonly sequence: number;
  /** The address family in the header of netfilter messages. */
  readonly family: number;
  /** The subsystem in batch marks, else 0. */
  readonly resource?: number;
  readonly attributes: readonly Attribute[];
}

/** One message of the netfilter family: header, family header, attributes. */
export function encodeMessage(message: Message): Uint8Array {
  const attributes = encodeAttributes(message.attributes);
  const bytes = new Uint8Array(20 + attributes.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, message.type, true);
  view.setUint16(6, message.flags | requestFlags.request, true);
  view.setUint32(8, message.sequence, true);
  view.setUint8(16, message.family);
  view.setUint16(18, message.resource ?? 0);
  bytes.set(attributes, 20);
  return bytes;
}

export interface Answer {
  readonly type: number;
  readonly sequence: number;
  /** For acknowledgements and errors: 0 or the errno; null for anything else. */
  readonly errno: number | null;
}

const errorType = 2;

/** The messages in what one receive call gave. */
export function decodeAnswers(datagram: Uint8Array): Answer[] {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const answers: Answer[] = [];
  for (let at = 0; at + 16 <= datagram.length;) {
    const length = view.getUint32(at, true);
    if (length < 16 || at + length > datagram.length) {
      throw new MeshError("protocol", "The kernel's netlink answer is cut short");
    }
    const type = view.getUint16(at + 4, true);
    const errno = type === errorType && length >= 20 ? -view.getInt32(at + 16, true) : null;
    answers.push({ type, sequence: view.getUint32(at + 8, true), errno });
    at += align(length);
  }
  return answers;
}
