import { MeshError } from "#lib/errors.ts";

/** Every message is preceded by one byte (1 = compressed) and its length in four. */
export const prefixBytes = 5;

/** The largest message that is accepted unless told otherwise: 4 MiB, as other implementations do. */
export const defaultMaxMessageBytes = 4 * 1024 * 1024;

const firstBytes = 4096;

/** A message with its prefix, ready to send. */
export function frameMessage(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, prefixBytes);
  return frame;
}

/** Cuts the bytes of a stream into messages. Holds at most one message that is incomplete. */
export class MessageReader {
  private readonly maxBytes: number;
  private readonly onMessage: (message: Uint8Array) => void;
  private readonly prefix = Buffer.alloc(prefixBytes);
  private prefixLength = 0;
  /** The incomplete message. It grows as bytes come: a length alone must not cost memory. */
  private message: Buffer | null = null;
  private length = 0;
  private filled = 0;

  constructor(maxBytes: number, onMessage: (message: Uint8Array) => void) {
    this.maxBytes = maxBytes;
    this.onMessage = onMessage;
  }

  /** Whether the bytes so far end in the middle of a message. */
  get inMessage(): boolean {
    return this.prefixLength > 0;
  }

  /**
   * Takes bytes `[start, end)`; calls back for each complete message, which shares memory with `bytes`.
   * Throws "resource-exhausted" for a message that is too large and "unimplemented" for a compressed one.
   */
  feed(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.message !== null) {
        const stop = Math.min(end, at + this.length - this.filled);
        const message = this.grown(this.message, this.filled + stop - at);
        bytes.copy(message, this.filled, at, stop);
        this.filled += stop - at;
        at = stop;
        this.message = message;
        if (this.filled < this.length) return;
        this.message = null;
        this.prefixLength = 0;
        this.onMessage(message);
        continue;
      }
      const taken = bytes.copy(this.prefix, this.prefixLength, at, Math.min(end, at + prefixBytes - this.prefixLength));
      this.prefixLength += taken;
      at += taken;
      if (this.prefixLength < prefixBytes) return;
      const length = this.checkPrefix();
      if (end - at >= length) {
        // Complete in this chunk, as most messages are: no copy.
        this.prefixLength = 0;
        this.onMessage(bytes.subarray(at, at + length));
        at += length;
      } else {
        this.message = Buffer.allocUnsafe(Math.min(length, firstBytes));
        this.length = length;
        this.filled = 0;
      }
    }
  }

  private grown(message: Buffer, needed: number): Buffer {
    if (needed <= message.length) return message;
    const larger = Buffer.allocUnsafe(Math.min(this.length, Math.max(needed, 2 * message.length)));
    message.copy(larger, 0, 0, this.filled);
    return larger;
  }

  private checkPrefix(): number {
    if (this.prefix[0] !== 0) throw new MeshError("unimplemented", "Reading a gRPC message failed: it is compressed");
    const length = this.prefix.readUInt32BE(1);
    if (length > this.maxBytes) {
      throw new MeshError(
        "resource-exhausted",
        `Reading a gRPC message failed: it has ${length} bytes, more than the ${this.maxBytes} that are allowed`,
      );
    }
    return length;
  }
}
