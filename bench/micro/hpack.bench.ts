/**
 * Time per header block and per HTTP/2 exchange, in memory: `sh scripts/bun bench/micro/hpack.bench.ts [rounds]`.
 * "same" repeats one request as load generators do; "traced" has a new trace id and timeout each time, as real calls.
 */
import { type HeaderBlock, repeated, requestBlock, responseBlock, trailerBlock } from "#wire/http2/header-block.ts";
import { HpackDecoder } from "#wire/http2/hpack/decoder.ts";
import { HpackEncoder } from "#wire/http2/hpack/encoder.ts";
import { createPair } from "#wire/http2/testing/pair.ts";

const rounds = Number(process.argv[2] ?? 200_000);
const variants = 4096;

function request(index: number, traced: boolean): HeaderBlock {
  const fields = ["te", "trailers", "content-type", "application/grpc", "user-agent", "grpc-go/1.70.0"];
  if (traced) {
    const id = (index * 2654435761).toString(16).padStart(16, "0");
    fields.push("grpc-timeout", `${1_000_000 + index}u`, "traceparent", `00-${id}${id}-${id}-01`, "x-request-id", id);
  }
  return requestBlock(
    { method: "POST", scheme: "http", authority: "voting.emojivoto:8080", path: "/emojivoto.v1.Voting/Vote" },
    fields,
  );
}

/** Runs `step` for a while to warm up, then `rounds` times; µs of CPU each. */
function measure(step: (round: number) => void): number {
  for (let round = 0; round < rounds / 4; round++) step(round);
  const before = process.cpuUsage();
  for (let round = 0; round < rounds; round++) step(round);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / rounds;
}

const blocks = Array.from({ length: variants }, (_, index) => request(index, true));
const same = repeated(request(0, false), 12345);
const out = Buffer.alloc(8192);

function encoded(list: readonly HeaderBlock[]): Buffer[] {
  const encoder = new HpackEncoder();
  for (const block of list) encoder.encode(block, out, 0);
  return list.map((block) => Buffer.from(out.subarray(0, encoder.encode(block, out, 0))));
}

function decoding(list: readonly HeaderBlock[]): number {
  const first = new HpackEncoder();
  const decoder = new HpackDecoder({ maxListBytes: 32_768, maxListCount: 128 });
  for (const block of list) decoder.decode(out, 0, first.encode(block, out, 0));
  const bytes = encoded(list);
  return measure((round) => {
    const block = bytes[round % bytes.length]!;
    decoder.decode(block, 0, block.length);
  });
}

function encoding(list: readonly HeaderBlock[]): number {
  const encoder = new HpackEncoder();
  return measure((round) => encoder.encode(list[round % list.length]!, out, 0));
}

/** A unary gRPC exchange: both ends' codec together, 32 in flight. */
function exchange(list: readonly HeaderBlock[]): number {
  const { client, server, run } = createPair();
  const ok = repeated(responseBlock(200, ["content-type", "application/grpc"]), 1);
  const end = repeated(trailerBlock(["grpc-status", "0"]), 2);
  const body = Buffer.alloc(40);
  const quiet = { onHeaders() {}, onTrailers() {}, onSent() {}, onReset() {} };
  Object.assign(server.recorder, {
    onRequest: () => ({
      ...quiet,
      onData(stream: Parameters<typeof server.recorder.onData>[0], _bytes: Buffer, from: number, to: number) {
        stream.consume(to - from);
        stream.sendHeaders(ok, false);
        stream.sendData(body, 0, body.length, false);
        stream.sendTrailers(end);
      },
    }),
    onStreamClosed() {},
  });
  Object.assign(client.recorder, { onStreamClosed() {} });
  const handler = {
    ...quiet,
    onData: (stream: { consume(bytes: number): void }, _b: Buffer, from: number, to: number) =>
      stream.consume(to - from),
  };
  return measure((round) => {
    const stream = client.connection.request(list[round % list.length]!, false, handler)!;
    stream.sendData(body, 0, body.length, true);
    if (round % 32 === 31) run();
  });
}

const rows: [string, number, number][] = [
  ["decode a request", decoding([same]), decoding(blocks)],
  ["encode a request", encoding([same]), encoding(blocks)],
  ["unary exchange, both ends", exchange([same]), exchange(blocks)],
];
process.stdout.write(`${"µs of CPU".padEnd(28)}${"same".padStart(8)}${"traced".padStart(8)}\n`);
for (const [name, first, second] of rows) {
  process.stdout.write(`${name.padEnd(28)}${first.toFixed(2).padStart(8)}${second.toFixed(2).padStart(8)}\n`);
}
