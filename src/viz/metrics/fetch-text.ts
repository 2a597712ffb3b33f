/** Gets a proxy's metrics: bounded in time and size, so that one sick pod can't hold the scraper. */
import { MeshError } from "#lib/errors.ts";

const timeoutMs = 5000;
/** 16 MiB hold about 100,000 series. */
const maxBytes = 16 * 1024 * 1024;

export async function fetchText(url: string): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: "error", keepalive: false });
  if (answer.status !== 200 || answer.body === null) {
    await answer.body?.cancel();
    throw new MeshError("unavailable", `The proxy at ${url} answered with status ${answer.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.length;
    if (size > maxBytes)
      throw new MeshError("resource-exhausted", `The answer of ${url} is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
