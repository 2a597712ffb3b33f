/** HTTP/1 messages read the slow way: the whole text at once, by the grammar of RFC 9112, with regular expressions. */

export interface ReferenceMessage {
  /** The start line without the version's major, header fields, body and trailers, as one text to compare. */
  readonly rendering: string;
}

const requestLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP\/1\.([01])$/;
const statusLine = /^HTTP\/1\.([01]) ([1-5][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const fieldLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/;

/** Messages from the start of `text` up to the first that is broken or not complete. Responses are those to GET. */
export function readMessages(kind: "request" | "response", text: string): ReferenceMessage[] {
  const messages: ReferenceMessage[] = [];
  let at = 0;
  while (at < text.length) {
    const message = readMessage(kind, text, at);
    if (message === null) break;
    messages.push(message);
    at = message.end;
  }
  return messages;
}

export function render(
  start: string,
  headers: readonly string[],
  body: string,
  trailers: readonly string[],
): ReferenceMessage {
  return { rendering: [start, headers.join("\x01"), body, trailers.join("\x01")].join("\x02") };
}

/** The message that starts at `from`, and where the next one does; null when it is broken or not complete. */
export function readMessage(
  kind: "request" | "response",
  text: string,
  from: number,
): (ReferenceMessage & { readonly end: number }) | null {
  const at = text.startsWith("\r\n", from) ? from + 2 : from;
  const end = text.indexOf("\r\n\r\n", at);
  if (end < 0) return null;
  const [first = "", ...lines] = text.slice(at, end).split("\r\n");
  const headers = fields(lines);
  const line = (kind === "request" ? requestLine : statusLine).exec(first);
  if (headers === null || line === null) return null;
  const values = (name: string): string[] => headers.filter((_, i) => i % 2 === 1 && headers[i - 1] === name);
  const encodings = values("transfer-encoding");
  const lengths = values("content-length");
  const bodyless = kind === "response" && /^(1..|204|304)$/.test(line[2] ?? "");
  const start = line.slice(1).map((part) => part ?? "");
  const made = (body: string, trailers: readonly string[], next: number) => ({
    ...render(start.join(" "), headers, body, trailers),
    end: next,
  });
  const bodyAt = end + 4;
  if (bodyless) return made("", [], bodyAt);
  if (encodings.length > 0) {
    if (encodings.join(",").toLowerCase() !== "chunked" || lengths.length > 0) return null;
    const chunked = readChunks(text, bodyAt);
    return chunked === null ? null : made(chunked.body, chunked.trailers, chunked.end);
  }
  if (lengths.length > 0) {
    if (lengths.length > 1 || !/^\d+$/.test(lengths[0] ?? "")) return null;
    const next = bodyAt + Number(lengths[0]);
    return next > text.length ? null : made(text.slice(bodyAt, next), [], next);
  }
  return kind === "request" ? made("", [], bodyAt) : made(text.slice(bodyAt), [], text.length);
}

function fields(lines: readonly string[]): string[] | null {
  const out: string[] = [];
  for (const line of lines) {
    const match = fieldLine.exec(line);
    if (match === null) return null;
    out.push((match[1] ?? "").toLowerCase(), match[2] ?? "");
  }
  return out;
}

function readChunks(text: string, from: number): { body: string; trailers: string[]; end: number } | null {
  let body = "";
  let at = from;
  for (;;) {
    const size = /([0-9A-Fa-f]+)(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n/y;
    size.lastIndex = at;
    const match = size.exec(text);
    if (match === null) return null;
    at = size.lastIndex;
    const length = Number.parseInt(match[1] ?? "", 16);
    if (length === 0) break;
    if (at + length + 2 > text.length || text.slice(at + length, at + length + 2) !== "\r\n") return null;
    body += text.slice(at, at + length);
    at += length + 2;
  }
  if (text.startsWith("\r\n", at)) return { body, trailers: [], end: at + 2 };
  const end = text.indexOf("\r\n\r\n", at);
  const trailers = end < 0 ? null : fields(text.slice(at, end).split("\r\n"));
  return trailers === null ? null : { body, trailers, end: end + 4 };
}
