/** SPDY/3.1 frames (SPDY Protocol Draft 3.1, §2.2), as far as port forwarding uses them. */

export type Frame =
  | { readonly kind: "data"; readonly stream: number; readonly fin: boolean; readonly data: Uint8Array }
  | { readonly kind: "syn-stream"; readonly stream: number; readonly fin: boolean; readonly headers: Uint8Array }
  | { readonly kind: "rst-stream"; readonly stream: number }
  | { readonly kind: "ping"; readonly id: number }
  | { readonly kind: "goaway" }
  | { readonly kind: "other" };

const version = 3;
const types = { synStream: 1, synReply: 2, rstStream: 3, ping: 6, goaway: 7 } as const;

/** Bytes of one frame's payload at most. */
const maxPayload = 1024 * 1024;

function control(type: number, flags: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(8 + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint16(0, 0x8000 | version);
  view.setUint16(2, type);
  view.setUint32(4, (flags << 24) | payload.length);
  frame.set(payload, 8);
  return frame;
}

function word(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) view.setUint32(index * 4, value);
  return bytes;
}

export function synReply(stream: number, headers: Uint8Array): Uint8Array {
  return control(types.synReply, 0, Buffer.concat([word(stream), headers]));
}

export function rstStream(stream: number, status: number): Uint8Array {
  return control(types.rstStream, 0, word(stream, status));
}

export function ping(id: number): Uint8Array {
  return control(types.ping, 0, word(id));
}

export function dataFrame(stream: number, data: Uint8Array, fin: boolean): Uint8Array {
  const frame = new Uint8Array(8 + data.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, stream);
  view.setUint32(4, ((fin ? 1 : 0) << 24) | data.length);
  frame.set(data, 8);
  return frame;
}

/** Cuts a byte stream into frames. */
export class FrameReader {
  private pending: Buffer = Buffer.alloc(0);

  /** The frames that are complete now; null when the bytes are no SPDY or a frame is too large. */
  push(chunk: Uint8Array): Frame[] | null {
    this.pending = this.pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.pending, chunk]);
    const frames: Frame[] = [];
    let at = 0;
    while (this.pending.length - at >= 8) {
      const length = this.pending.readUIntBE(at + 5, 3);
      if (length > maxPayload) return null;
      if (this.pending.length - at < 8 + length) break;
      const frame = readFrame(this.pending.subarray(at, at + 8), this.pending.subarray(at + 8, at + 8 + length));
      if (frame === null) return null;
      frames.push(frame);
      at += 8 + length;
    }
    this.pending = this.pending.subarray(at);
    return frames;
  }
}

function readFrame(head: Buffer, payload: Buffer): Frame | null {
  const first = head.readUInt32BE(0);
  const fin = ((head[4] ?? 0) & 1) === 1;
  if ((first & 0x80000000) === 0) return { kind: "data", stream: first, fin, data: payload };
  if (((first >>> 16) & 0x7fff) !== version) return null;
  switch (first & 0xffff) {
    case types.synStream:
      if (payload.length < 10) return null;
      return { kind: "syn-stream", stream: payload.readUInt32BE(0) & 0x7fffffff, fin, headers: payload.subarray(10) };
    case types.rstStream:
      return payload.length < 8 ? null : { kind: "rst-stream", stream: payload.readUInt32BE(0) & 0x7fffffff };
    case types.ping:
      return payload.length < 4 ? null : { kind: "ping", id: payload.readUInt32BE(0) };
    case types.goaway:
      return { kind: "goaway" };
    default:
      return { kind: "other" };
  }
}
