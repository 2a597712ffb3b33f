import { afterAll, expect, spyOn, test } from "bun:test";
import type { Terminal } from "./globals.ts";
import { readInputs } from "./input-files.ts";

const terminal = {} as Terminal;
const fetching = spyOn(globalThis, "fetch");
afterAll(() => fetching.mockRestore());

/** What a download gives in the end, at this URL. */
function answers(url: string, body: string | ReadableStream<Uint8Array>): void {
  const answer = new Response(body);
  Object.defineProperty(answer, "url", { value: url });
  fetching.mockResolvedValue(answer);
}
const read = async (): Promise<string> => (await readInputs("https://a.example/x.yaml", terminal))[0]?.text ?? "";

test("a download may lead elsewhere, but not to an open line", async () => {
  answers("https://b.example/x.yaml", "kind: Pod ä");
  expect(await read()).toBe("kind: Pod ä");
  answers("http://b.example/x.yaml", "kind: Pod");
  await expect(read()).rejects.toThrow('leads to "http://b.example/x.yaml", which is not encrypted');
});

test("a download without end is not held in memory", async () => {
  let pulled = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++;
      // Far over the limit it has to end even where nobody stops it, for the test to fail and not to hang.
      if (pulled > 100) controller.close();
      else controller.enqueue(new Uint8Array(1024 * 1024));
    },
  });
  answers("https://a.example/x.yaml", endless);
  await expect(read()).rejects.toThrow("is larger than");
  expect(pulled).toBeLessThan(50);
});
