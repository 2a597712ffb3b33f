/** The HTTP/1 decoders: split anywhere, read the same; what is read is what the grammar says; written again, read again. */
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { parseResponseHead } from "#wire/http1/parse-response.ts";
import { requestText, responseText } from "#wire/http1/serialise.ts";
import { refusedRequests, refusedResponses, validRequests, validResponses } from "#wire/http1/testing/corpus.ts";
import { decodeAll, type Decoded, type Outcome } from "#wire/http1/testing/decode-all.ts";
import type { Dice } from "../dice.ts";
import { readMessages, render } from "../references/http1.ts";
import { cut, latin1, Mismatch, same, type Target } from "../target.ts";

function shown({ head, body, trailers }: Decoded): string {
  const start = "status" in head ? [head.minor, head.status, head.reason] : [head.method, head.target, head.minor];
  return render(start.join(" "), head.headers, body, trailers).rendering;
}

/** A refusal's reason may depend on the order in which bytes come; that there is one may not. */
function summary(outcome: Outcome): string {
  const all = [...outcome.messages.map(shown), outcome.reason === null ? "accepted" : "refused", String(outcome.open)];
  return all.join("\x03");
}

const texts = ["", "a", "hello", "\r\n", "x".repeat(300), "0\r\n\r\n", "caf\xe9"];
const names = ["X-A", "accept", "!#$%&'*+-.^_`|~9z"];

/** A request that nobody may refuse: what it is, and its bytes. */
function wellFormed(dice: Dice): readonly [rendering: string, bytes: string] {
  const fields = Array.from({ length: dice.below(4) }, () => [dice.pick(names), dice.pick(["", "1", "a\tb", "\xff"])]);
  const target = dice.pick(["/", "/a?b=c", "*", "http://b:80/c"]);
  const method = target === "*" ? "OPTIONS" : dice.pick(["GET", "POST", "M!"]);
  const chunks = Array.from({ length: dice.below(4) }, () => dice.pick(texts));
  const chunked = dice.once(2);
  const body = chunks.join("");
  const all = [
    ["Host", "a:1"],
    ...fields,
    chunked ? ["Transfer-Encoding", "chunked"] : ["Content-Length", `${body.length}`],
  ];
  const space = (): string => dice.pick(["", " ", "\t "]);
  let bytes = `${method} ${target} HTTP/1.1\r\n`;
  for (const [name, value] of all) bytes += `${name}:${space()}${value}${space()}\r\n`;
  bytes += "\r\n";
  const trailers = chunked && dice.once(2) ? ["x-t", "1"] : [];
  if (chunked) {
    const size = (chunk: string): string => {
      const digits = chunk.length.toString(16);
      return `${dice.once(4) ? "00" : ""}${dice.once(2) ? digits.toUpperCase() : digits}${dice.once(6) ? ';a="b"' : ""}`;
    };
    for (const chunk of chunks) if (chunk !== "") bytes += `${size(chunk)}\r\n${chunk}\r\n`;
    bytes += `0\r\n${trailers.length > 0 ? "X-T: 1\r\n" : ""}\r\n`;
  } else bytes += body;
  const headers = all.flatMap(([name = "", value = ""]) => [name.toLowerCase(), value]);
  return [render(`${method} ${target} 1`, headers, body, trailers).rendering, bytes];
}

const kinds = ["request", "response"] as const;

export const http1: Target = {
  name: "http1",
  seeds: latin1([
    ...validRequests.map(({ bytes }) => bytes),
    ...validResponses.map(({ bytes }) => bytes),
    ...refusedRequests.map(([, , bytes]) => bytes),
    ...refusedResponses.map(([, , bytes]) => bytes),
  ]),
  dictionary: latin1([
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    "\t",
    ":",
    ";",
    ",",
    '"',
    "0",
    "0\r\n\r\n",
    "5\r\nhello\r\n",
    "ffffffffffffff",
    "HTTP/1.0",
    "HTTP/1.1",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "Content-Length: 1\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Connection: close\r\n",
    "Host: a\r\n",
    "CONNECT a:1",
    "http://a/",
    "\xff",
    "#",
    "\x0b",
    "\x85",
  ]),
  run(input, dice) {
    const text = input.toString("latin1");
    const [rendering, bytes] = wellFormed(dice);
    const read = decodeAll("request", cut(Buffer.from(bytes, "latin1"), dice));
    same("A well-formed request", read.messages.map(shown).join("\x03"), rendering);
    for (const kind of kinds) {
      const whole = decodeAll(kind, [input]);
      same(`A ${kind} in pieces`, summary(decodeAll(kind, cut(input, dice))), summary(whole));
      const reference = readMessages(kind, text);
      if (whole.reason === null && !whole.open && reference.length !== whole.messages.length) {
        throw new Mismatch(`The grammar has ${reference.length} messages, we read ${whole.messages.length}`);
      }
      for (const [index, message] of whole.messages.entries()) {
        same(`A ${kind} by the grammar`, shown(message), reference[index]?.rendering ?? "nothing");
        const { head } = message;
        // The head's text without the empty line is what a parser gets.
        const again =
          "status" in head
            ? parseResponseHead(responseText(head).slice(0, -2))
            : parseRequestHead(requestText(head).slice(0, -2));
        same(`A ${kind} written again`, JSON.stringify(again), JSON.stringify(head));
      }
    }
  },
};
