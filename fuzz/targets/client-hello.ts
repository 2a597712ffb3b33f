/** The ClientHello reader: more bytes never change an answer, and an answer is what a plain reader finds. */
import { readClientHello, type ClientHello } from "#wire/tls-hello/client-hello.ts";
import { clientHello as build } from "#wire/tls-hello/testing/hello.ts";
import type { Dice } from "../dice.ts";
import { readHello } from "../references/client-hello.ts";
import { Mismatch, same, type Target } from "../target.ts";

const names = ["a", "web.emojivoto.svc.cluster.local", "A.b.", "xn--caf-dma.example", "", "1.2.3.4"];
const protocols = [["h2"], ["h2", "http/1.1"], ["transport.l5d.io/v1"], [], [""]];

function generate(dice: Dice): Buffer {
  const options = {
    ...(dice.once(4) ? {} : { serverName: dice.pick(names) }),
    ...(dice.once(3) ? {} : { alpn: dice.pick(protocols) }),
    ...(dice.once(3) ? { padding: dice.below(300) } : {}),
  };
  return build(options, dice.once(3) ? 1 + dice.below(200) : 16_384);
}

const shown = (hello: ClientHello): string => JSON.stringify(hello);

export const clientHello: Target = {
  name: "client-hello",
  seeds: [build({}), build({ serverName: "a.b", alpn: ["h2"] }), build({ serverName: "a.b" }, 7)],
  dictionary: [
    Buffer.from([22, 3, 1]),
    Buffer.from([22, 3, 1, 0, 0]),
    Buffer.from([23, 3, 3]),
    Buffer.from([0, 0, 0, 5, 0, 3, 0, 0, 0]),
    Buffer.from([0, 16, 0, 4, 0, 2, 0, 0]),
    Buffer.from([0xff, 0xff]),
    Buffer.from([0x40, 0x01]),
  ],
  generate,
  run(input, dice) {
    const whole = readClientHello(input);
    for (let round = 0; round < 3; round++) {
      const part = readClientHello(input.subarray(0, dice.below(input.length + 1)));
      if (part.kind !== "need-more") same("A part's answer", shown(part), shown(whole));
    }
    const reference = readHello(input);
    if (whole.kind === "client-hello") same("A plain reader's", shown(whole), JSON.stringify(reference));
    else if (reference !== null) throw new Mismatch(`A plain reader finds ${JSON.stringify(reference)}`);
  },
};
