/** HTTP/1 by the RFCs through real proxies: each case of cases.ts whole and cut at every byte, inbound and through a pair. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { decodeAll } from "#wire/http1/testing/decode-all.ts";
import { run } from "../../../bench/macro/process.ts";
import { appPorts, client, server, startPair, type Pair } from "../pair.ts";
import { cases, type Case, firstResponse, type Got, plainAnswer, type Seen } from "./cases.ts";
import { numberOf, ways } from "./numbers.ts";

const port = appPorts[1];
/** Not redirected. */
const tellPort = 9000;
const script = (name: string): string[] => [process.execPath, join(import.meta.dir, name)];

let pair: Pair;
let received: Record<string, string> = {};
let seen: Record<string, string[]> = {};
beforeAll(async () => {
  pair = await startPair();
  await pair.inServer("application", [...script("app.ts"), String(port), String(tellPort)], port);
  const sent = await pair.runInClient([...script("client.ts"), server.bareIp, server.ip, String(port)], 110_000);
  if (sent.code !== 0) throw new Error(`The client failed: ${sent.output.slice(-2000)}`);
  received = JSON.parse(sent.output) as typeof received;
  seen = JSON.parse(await run(["curl", "-s", `http://${server.ip}:${tellPort}/`], client.namespace)) as typeof seen;
  console.log(`HTTP/1 conformance: ${cases.length} cases, ${Object.keys(received).length} exchanges`);
}, 120_000);
afterAll(() => pair.stop());

interface Message {
  readonly start: string;
  readonly fields: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}

const lines = (flat: readonly string[]): string[] =>
  flat.filter((_, at) => at % 2 === 0).map((name, at) => `${name}: ${flat[at * 2 + 1]}`);

/** What the plain reader of the application wrote down. */
function parsed(rendering: string): Message {
  const [start = "", fields = "", body = "", trailers = ""] = rendering.split("\x02");
  const flat = (text: string): string[] => (text === "" ? [] : text.split("\x01"));
  return { start, fields: lines(flat(fields)), body, trailers: lines(flat(trailers)) };
}

/** Whole answers; one that broke off is none. */
function answersIn(text: string, method: string): Message[] {
  return decodeAll("response", [Buffer.from(text, "latin1")], method).messages.map(({ head, body, trailers }) => ({
    start: "status" in head ? String(head.status) : "",
    fields: lines(head.headers),
    body,
    trailers: lines(trailers),
  }));
}

/** What of a message the case speaks of, as the case would say it. */
function asExpected(message: Message | undefined, expected: Seen | Got): unknown {
  if (message === undefined) return "nothing";
  const names = message.fields.map((line) => line.slice(0, line.indexOf(":")));
  return {
    start: message.start,
    has: expected.has?.filter((line) => message.fields.includes(line)),
    found: expected.lacks?.filter((name) => names.includes(name)),
    body: expected.body === undefined ? undefined : message.body,
    trailers: expected.trailers === undefined ? undefined : message.trailers,
  };
}

const wanted = (expected: Seen | Got, start: string): unknown => ({
  start,
  has: expected.has,
  found: expected.lacks === undefined ? undefined : [],
  body: expected.body,
  trailers: expected.trailers,
});

function check(one: Case, id: string): void {
  const requests = (seen[id] ?? []).map(parsed);
  const got = answersIn(received[id] ?? "", /^\w*/.exec(one.request)?.[0] ?? "");
  const broken = one.orBroken === true && got.length === 1 && got[0]?.start === "502";
  expect({
    seen: requests.map((message, at) => asExpected(message, one.seen[at] ?? { start: "" })),
    got: broken ? [] : got.map((message, at) => asExpected(message, one.got[at] ?? { status: 0 })),
    stuck: (received[id] ?? "").includes("did not end"),
  }).toEqual({
    seen: one.seen.map((expected) => wanted(expected, expected.start.replaceAll("@", id))),
    got: one.got.map((expected) => wanted(expected, String(expected.status))),
    stuck: false,
  });
}

for (const [way, name] of ways.entries()) {
  describe(name, () => {
    for (const [index, one] of cases.entries()) {
      const about = index < firstResponse ? one.request.replaceAll("@", "000000") : (one.response ?? plainAnswer);
      const what = index < firstResponse ? "request" : "response";
      test(`RFC ${one.section}, ${what}: ${one.name}`, () => {
        for (let cut = 0; cut < about.length; cut++) check(one, numberOf(index, way, cut));
      });
    }
  });
}
