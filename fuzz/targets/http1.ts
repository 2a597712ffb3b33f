/** The HTTP/1 decoders: split anywhere, read the same; what is read is what the grammar says; written again, read again. */
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import { parseResponseHead } from "#wire/http1/parse-response.ts";
import { requestText, responseText } from "#wire/http1/serialise.ts";
import { refusedRequests, refusedResponses, validRequests, validResponses } from "#wire/http1/testing/corpus.ts";
import { decodeAll, type Decoded, type Outcome } from "#wire/http1/testing/decode-all.ts";
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
