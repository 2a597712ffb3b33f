import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { readLines } from "./lines.ts";

function streamOf(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}
async function linesOf(chunks: readonly Uint8Array[], limit?: number): Promise<Array<string | null>> {
  const lines: Array<string | null> = [];
  for await (const line of readLines(streamOf(chunks), limit)) lines.push(line);
  return lines;
}

describe("readLines", () => {
  test("gives the same lines however the bytes are cut, also inside of characters", async () => {
    const text = fc.array(fc.string({ unit: "grapheme" }).map((line) => line.replaceAll("\n", " ")));
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(40)), async (lines, cuts) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (const cut of cuts) {
          chunks.push(bytes.subarray(at, at + cut));
          at += cut;
        }
        chunks.push(bytes.subarray(at));
        expect(await linesOf(chunks)).toEqual(lines);
      }),
      { numRuns: 50 },
    );
  });

  test("a line over the limit is null and the next one is whole; a torn last line is dropped", async () => {
    const chunks = ["ok\n12345", "67890", "1\nnext\nto", "rn"].map((text) => Buffer.from(text));
    expect(await linesOf(chunks, 10)).toEqual(["ok", null, "next"]);
  });
});
