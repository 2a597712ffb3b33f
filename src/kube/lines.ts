/** Longest accepted line in bytes. Kubernetes limits objects to 3 MiB; an update event carries one. */
export const lineLimit = 8 * 1024 * 1024;

/**
 * The lines of a byte stream, without line ends; null stands for a line over the limit, whose bytes are not kept. A last line
 * without its end is dropped: it is the torn half of an event.
 */
export async function* readLines(stream: ReadableStream<Uint8Array>, limit = lineLimit): AsyncGenerator<string | null> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (;;) {
      const end = rest.indexOf(0x0a);
      const piece = end < 0 ? rest : rest.subarray(0, end);
      size += piece.length;
      if (size <= limit) parts.push(piece);
      else parts = [];
      if (end < 0) break;
      rest = rest.subarray(end + 1);
      if (size > limit) yield null;
      else yield (parts.length === 1 ? piece : Buffer.concat(parts)).toString("utf8");
      parts = [];
      size = 0;
    }
  }
}
