import { connectionError, http2Code } from "./errors.ts";
import { defaultWindow, maxWindow } from "./flow-control.ts";
import { maxFrameBytes, readUint32, writeUint32 } from "./frames.ts";

/** Setting identifiers (RFC 9113 §6.5.2). */
export const settingId = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** What the peer told us, from the protocol's initial values on. */
export interface PeerSettings {
  headerTableSize: number;
  /** Before the first SETTINGS we assume 100, so that a burst at the start isn't refused. */
  maxConcurrentStreams: number;
  initialWindowSize: number;
  maxHeaderListSize: number;
}

export function initialPeerSettings(): PeerSettings {
  return {
    headerTableSize: 4096,
    maxConcurrentStreams: 100,
    initialWindowSize: defaultWindow,
    maxHeaderListSize: Number.POSITIVE_INFINITY,
  };
}

/** Reads a SETTINGS payload into `peer`, checking every value. Unknown settings are ignored. */
export function readSettings(bytes: Buffer, start: number, end: number, peer: PeerSettings, fromServer: boolean): void {
  if ((end - start) % 6 !== 0) throw connectionError(http2Code.frameSizeError, "SETTINGS has a partial setting");
  for (let at = start; at < end; at += 6) {
    const id = (bytes[at]! << 8) | bytes[at + 1]!;
    const value = readUint32(bytes, at + 2);
    if (id === settingId.headerTableSize) peer.headerTableSize = value;
    else if (id === settingId.enablePush) {
      if (value > 1 || (fromServer && value === 1))
        throw connectionError(http2Code.protocolError, "ENABLE_PUSH has a wrong value");
    } else if (id === settingId.maxConcurrentStreams) peer.maxConcurrentStreams = value;
    else if (id === settingId.initialWindowSize) {
      if (value > maxWindow) throw connectionError(http2Code.flowControlError, "INITIAL_WINDOW_SIZE is too large");
      peer.initialWindowSize = value;
    } else if (id === settingId.maxFrameSize) {
      if (value < maxFrameBytes || value > 0xffffff)
        throw connectionError(http2Code.protocolError, "MAX_FRAME_SIZE has a wrong value");
      // We send frames of the smallest allowed size anyway: they keep streams taking turns.
    } else if (id === settingId.maxHeaderListSize) peer.maxHeaderListSize = value;
  }
}

/** Writes settings as identifier-value pairs and returns the position behind them. */
export function writeSettings(
  out: Buffer,
  at: number,
  settings: ReadonlyArray<readonly [id: number, value: number]>,
): number {
  for (const [id, value] of settings) {
    out[at] = id >>> 8;
    out[at + 1] = id;
    at = writeUint32(out, at + 2, value);
  }
  return at;
}
