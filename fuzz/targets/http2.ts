/** HTTP/2 frames and connections: split anywhere, the same happens; frames are those of a plain cutter; nothing is our fault. */
import { MeshError } from "#lib/errors.ts";
import { http2Code, http2CodeOf } from "#wire/http2/errors.ts";
import { frameHeaderBytes, FrameParser, type FrameSink, preface, writeFrameHeader } from "#wire/http2/frames.ts";
import { createEnd } from "#wire/http2/testing/pair.ts";
import type { Dice } from "../dice.ts";
import { cut, latin1, Mismatch, same, type Target } from "../target.ts";
import { generateBlock } from "./hpack.ts";

/** Frames as lines, DATA joined from its pieces. */
class Lines implements FrameSink {
  readonly frames: string[] = [];
  private content = "";
  private begun = "";

  onDataStart(id: number, flags: number, length: number): void {
    this.begun = `0 ${flags} ${id} ${length}`;
    this.content = "";
  }
  onPadding(overhead: number): void {
    this.begun += ` padding ${overhead}`;
  }
  onDataPiece(bytes: Buffer, start: number, end: number, last: boolean): void {
    this.content += bytes.toString("hex", start, end);
    if (last) this.frames.push(`${this.begun} ${this.content}`);
  }
  onFrame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    this.frames.push(`${type} ${flags} ${id} ${bytes.toString("hex", start, end)}`);
  }
}

function parse(pieces: readonly Buffer[]): string {
  const lines = new Lines();
  const parser = new FrameParser(lines);
  try {
    for (const piece of pieces) parser.feed(piece, 0);
  } catch (thrown) {
    if (!(thrown instanceof MeshError)) throw thrown;
    lines.frames.push(`refused ${http2CodeOf(thrown)}`);
  }
  return lines.frames.join("\n");
}

/** The same lines by RFC 9113 §4.1 and §6.1, with the whole input at hand. */
function cutFrames(input: Buffer): string {
  const frames: string[] = [];
  let at = 0;
  while (at + frameHeaderBytes <= input.length) {
    const length = input.readUIntBE(at, 3);
    const [type = 0, flags = 0] = input.subarray(at + 3, at + 5);
    const id = input.readUInt32BE(at + 5) % 2 ** 31;
    const padded = type === 0 && (flags & 8) !== 0;
    if (length > 16_384) {
      frames.push(`refused ${http2Code.frameSizeError}`);
      break;
    }
    const payload = input.subarray(at + 9, at + 9 + length);
    const padding = padded ? payload[0] : 0;
    if (padded && (length === 0 || (padding !== undefined && padding >= length))) {
      frames.push(`refused ${http2Code.protocolError}`);
      break;
    }
    if (payload.length < length) break;
    const content = payload.subarray(padded ? 1 : 0, length - (padding ?? 0)).toString("hex");
    if (type === 0)
      frames.push(`0 ${flags} ${id} ${length}${padded ? ` padding ${(padding ?? 0) + 1}` : ""} ${content}`);
    else frames.push(`${type} ${flags} ${id} ${content}`);
    at += 9 + length;
  }
  return frames.join("\n");
}

/** What a server end makes of the bytes: its events, and whether anything failed that is not the peer's fault. */
function serve(pieces: readonly Buffer[]): string {
  const end = createEnd("server");
  let own: Error | null = null;
  const { onFailed } = end.recorder;
  end.recorder.onFailed = (error) => {
    if (http2CodeOf(error) === http2Code.internalError) own = error;
    onFailed.call(end.recorder, error);
  };
  end.connection.receive(preface, 0);
  for (const piece of pieces) end.connection.receive(piece, 0);
  if (own !== null) throw own;
  const bodies = [...end.recorder.bodies].map(([id, body]) => `${id} ${Buffer.concat(body).toString("hex")}`);
  return [...end.recorder.events, ...bodies].join("\n");
}

function frame(type: number, flags: number, id: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(frameHeaderBytes);
  writeFrameHeader(head, 0, payload.length, type, flags, id);
  return Buffer.concat([head, payload]);
}

/** :method GET, :scheme http, :path /, :authority a; then what the dice say. */
const request = Buffer.from([0x82, 0x86, 0x84, 0x41, 0x01, 0x61]);

function generateFrame(dice: Dice, opened: { last: number }): Buffer {
  const known = (): number =>
    opened.last > 0 && !dice.once(8) ? 1 + 2 * dice.below((opened.last + 1) / 2) : dice.below(9);
  switch (dice.below(12)) {
    case 0:
    case 1:
    case 2: {
      opened.last += dice.once(8) ? 4 : 2;
      const block = Buffer.concat([request, dice.once(3) ? generateBlock(dice) : Buffer.alloc(0)]);
      const fin = dice.below(2);
      if (!dice.once(4)) return frame(1, 4 | fin, opened.last - 1, block);
      const at = dice.below(block.length);
      return Buffer.concat([
        frame(1, fin, opened.last - 1, block.subarray(0, at)),
        frame(9, 4, opened.last - 1, block.subarray(at)),
      ]);
    }
    case 3:
    case 4:
      return frame(0, dice.below(2), known(), dice.bytes(dice.below(40)));
    case 5: {
      const payload = dice.bytes(1 + dice.below(20));
      payload[0] = dice.below(24);
      return frame(0, 8 | dice.below(2), known(), payload);
    }
    case 6:
      return frame(1, 5, known(), dice.once(2) ? generateBlock(dice) : Buffer.alloc(0));
    case 7:
      return frame(3, 0, known(), Buffer.from([0, 0, 0, dice.below(14)]));
    case 8:
      return frame(4, dice.below(2), 0, Buffer.from([0, 1 + dice.below(7), 0, 0, dice.below(256), dice.below(256)]));
    case 9:
      return frame(
        8,
        0,
        dice.once(2) ? 0 : known(),
        Buffer.from([dice.once(6) ? 0x7f : 0, 0, dice.below(256), dice.below(256)]),
      );
    case 10:
      return frame(6, dice.below(2), 0, dice.bytes(8));
    default:
      return frame(dice.below(12), dice.below(256), known(), dice.bytes(dice.below(12)));
  }
}

const settings = frame(4, 0, 0, Buffer.alloc(0));

export const http2: Target = {
  name: "http2",
  seeds: [
    Buffer.concat([settings, frame(1, 5, 1, request)]),
    Buffer.concat([settings, frame(1, 4, 1, request), frame(0, 1, 1, Buffer.from("hello"))]),
    Buffer.concat([settings, frame(1, 0, 1, request.subarray(0, 2)), frame(9, 4, 1, request.subarray(2))]),
  ],
  dictionary: [
    settings,
    frame(4, 1, 0, Buffer.alloc(0)),
    frame(0, 8, 1, Buffer.from([3, 0, 0, 0])),
    frame(0, 8, 1, Buffer.alloc(0)),
    frame(7, 0, 0, Buffer.alloc(8)),
    frame(8, 0, 1, Buffer.from([0x7f, 0xff, 0xff, 0xff])),
    frame(3, 0, 1, Buffer.from([0, 0, 0, 8])),
    ...latin1(["\0\0\0\0", "\0\x40\0", "\0\x40\x01"]),
  ],
  generate(dice) {
    const opened = { last: 0 };
    const frames = Array.from({ length: 1 + dice.below(8) }, () => generateFrame(dice, opened));
    return Buffer.concat([settings, ...frames]);
  },
  run(input, dice) {
    const whole = parse([input]);
    same("Frames in pieces", parse(cut(input, dice)), whole);
    same("Frames by the plain cutter", whole, cutFrames(input));
    const events = serve([input]);
    same("A connection in pieces", serve(cut(input, dice)), events);
    if (events.includes("undefined")) throw new Mismatch("An event names something undefined");
  },
};
