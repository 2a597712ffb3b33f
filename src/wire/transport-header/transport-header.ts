/**
 * The header that opens a connection to a peer's proxy port (ALPN `transport.l5d.io/v1`): which port the bytes that
 * follow are for. Literal preface, big-endian u32 length, protobuf message `transport.l5d.io.Header`.
 */
import { MeshError } from "#lib/errors.ts";

/** The application protocol to offer and require. */
export const transportProtocol = "transport.l5d.io/v1";

export interface TransportHeader {
  /** The target's port, 1–65535. */
  readonly port: number;
  /** A service name for a gateway to route by, or null. */
  readonly name: string | null;
  /** What follows; null: opaque bytes. */
  readonly session: "http1" | "http2" | null;
}

/** Longest message that is accepted: a port, a DNS name of 253 bytes and a session protocol take less than 300. */
export const maxHeaderBytes = 1_024;

const preface = Buffer.from("transport.l5d.io/v1\r\n\r\n");

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}

export function encodeTransportHeader(header: TransportHeader): Buffer {
  const message: number[] = [0x08, ...varint(header.port)];
  if (header.name !== null) {
    const name = Buffer.from(header.name);
    message.push(0x12, ...varint(name.length), ...name);
  }
  if (header.session !== null) message.push(0x1a, 2, header.session === "http1" ? 0x0a : 0x12, 0);
  const out = Buffer.alloc(preface.length + 4 + message.length);
  preface.copy(out);
  out.writeUInt32BE(message.length, preface.length);
  out.set(message, preface.length + 4);
  return out;
}

/** The header at the start of `bytes` and where the bytes after it begin; null when more is needed. Throws "protocol". */
export function decodeTransportHeader(
  bytes: Buffer,
): { readonly header: TransportHeader; readonly end: number } | null {
  const compared = Math.min(bytes.length, preface.length);
  if (bytes.compare(preface, 0, compared, 0, compared) !== 0) {
    throw new MeshError("protocol", "A connection to the proxy port does not start with a transport header");
  }
  if (bytes.length < preface.length + 4) return null;
  const length = bytes.readUInt32BE(preface.length);
  if (length > maxHeaderBytes) {
    throw new MeshError("protocol", `A transport header of ${length} bytes is longer than ${maxHeaderBytes}`);
  }
  const start = preface.length + 4;
  const end = start + length;
  if (bytes.length < end) return null;
  return { header: decodeMessage(bytes.subarray(start, end)), end };
}

/** A protobuf field of the wire types that the message uses or may skip. */
interface Field {
  readonly number: number;
  readonly value: number;
  readonly bytes: Buffer;
}

function* fieldsOf(message: Buffer): Generator<Field> {
  const malformed = (): MeshError => new MeshError("protocol", "A transport header is not a well-formed message");
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) throw malformed();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw malformed();
  };
  const take = (size: number): Buffer => {
    if (at + size > message.length) throw malformed();
    at += size;
    return message.subarray(at - size, at);
  };
  while (at < message.length) {
    const key = next();
    const number = Math.floor(key / 8);
    if (number === 0) throw malformed();
    switch (key % 8) {
      case 0:
        yield { number, value: next(), bytes: message.subarray(0, 0) };
        break;
      case 1:
        take(8);
        break;
      case 2:
        yield { number, value: -1, bytes: take(next()) };
        break;
      case 5:
        take(4);
        break;
      default:
        throw malformed();
    }
  }
}

function decodeMessage(message: Buffer): TransportHeader {
  let port = 0;
  let name: string | null = null;
  let session: TransportHeader["session"] = null;
  for (const field of fieldsOf(message)) {
    if (field.number === 1 && field.value >= 0) port = field.value;
    else if (field.number === 2 && field.value < 0) name = field.bytes.length > 0 ? field.bytes.toString("utf8") : null;
    else if (field.number === 3 && field.value < 0) {
      for (const kind of fieldsOf(field.bytes)) {
        if (kind.number === 1) session = "http1";
        else if (kind.number === 2) session = "http2";
      }
    }
  }
  if (port < 1 || port > 65_535) throw new MeshError("protocol", `A transport header names the port ${port}`);
  if (name !== null && !/^[a-zA-Z0-9_]([a-zA-Z0-9._-]{0,251}[a-zA-Z0-9_.])?$/.test(name)) {
    throw new MeshError("protocol", "A transport header names something that is not a DNS name");
  }
  return { port, name, session };
}
