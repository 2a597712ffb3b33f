/** The transport header: more bytes never change an answer; encoded again, it says the same; what we send is read back. */
import { MeshError } from "#lib/errors.ts";
import {
  decodeTransportHeader as decode,
  encodeTransportHeader as encode,
  type TransportHeader,
} from "#wire/transport-header/transport-header.ts";
import type { Dice } from "../dice.ts";
import { Mismatch, same, type Target } from "../target.ts";

const names = [null, "a", "web.ns.svc.cluster.local", "n".repeat(253), "a.b."];
const sessions = ["http1", "http2", null] as const;

const generateHeader = (dice: Dice): TransportHeader => ({
  port: 1 + dice.below(65_535),
  name: dice.pick(names),
  session: dice.pick(sessions),
});

function shown(input: Buffer): string {
  try {
    return JSON.stringify(decode(input));
  } catch (thrown) {
    if (thrown instanceof MeshError && thrown.code === "protocol") return "refused";
    throw thrown;
  }
}

export const transportHeader: Target = {
  name: "transport-header",
  seeds: [encode({ port: 80, name: null, session: null }), encode({ port: 65_535, name: "a.b", session: "http2" })],
  dictionary: [
    Buffer.from("transport.l5d.io/v1\r\n\r\n"),
    Buffer.from([0, 0, 0, 0]),
    Buffer.from([0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
    Buffer.from([0x08, 0xd0, 0x80, 0x80, 0]),
    Buffer.from([0x12, 0]),
    Buffer.from([0x1a, 2, 0x12, 0]),
    Buffer.from([0x1b]),
  ],
  generate: (dice) => encode(generateHeader(dice)),
  run(input, dice) {
    const whole = shown(input);
    for (let round = 0; round < 3; round++) {
      const part = shown(input.subarray(0, dice.below(input.length + 1)));
      if (part !== "null") same("A part's answer", part, whole);
    }
    if (whole !== "refused" && whole !== "null") {
      const found = decode(input);
      if (found === null || found.end > input.length) throw new Mismatch("A header ends beyond its bytes");
      if (!Number.isInteger(found.header.port))
        throw new Mismatch(`The port ${found.header.port} is not a whole number`);
      same(
        "A header encoded again",
        JSON.stringify(decode(encode(found.header))?.header),
        JSON.stringify(found.header),
      );
    }
    const header = generateHeader(dice);
    same("A header of ours", JSON.stringify(decode(encode(header))?.header), JSON.stringify(header));
  },
};
