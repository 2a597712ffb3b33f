/** Runs the decoders over a message that comes in pieces, as a connection would. For tests, fuzzing and benches. */
import { MeshError } from "#lib/errors.ts";
import { BodyDecoder } from "../body-decoder.ts";
import { responseBody, type FlatHeaders, type RequestHead, type ResponseHead } from "../head.ts";
import { HeadDecoder } from "../head-decoder.ts";
import { defaultHttp1Limits, type Http1Limits } from "../limits.ts";
import { parseRequestHead } from "../parse-request.ts";
import { parseResponseHead } from "../parse-response.ts";

export interface Decoded {
  readonly head: RequestHead | ResponseHead;
  readonly body: string;
  readonly trailers: FlatHeaders;
}

/** What came out: the complete messages, and the reason if something was refused. `open`: the last message is not complete. */
export interface Outcome {
  readonly messages: readonly Decoded[];
  readonly reason: string | null;
  readonly open: boolean;
  /** A head was read whose body is not complete, or was refused. */
  readonly unfinished: boolean;
}

/** Decodes all pieces, then the end of the connection. */
export function decodeAll(
  kind: "request" | "response",
  pieces: readonly Buffer[],
  method = "GET",
  limits: Http1Limits = defaultHttp1Limits,
): Outcome {
  const messages: Decoded[] = [];
  const parse: (text: string) => RequestHead | ResponseHead =
    kind === "request" ? (text) => parseRequestHead(text, limits) : (text) => parseResponseHead(text, limits);
  const heads = new HeadDecoder(parse, limits);
  const bodies = new BodyDecoder(limits);
  let head: RequestHead | ResponseHead | null = null;
  let body = "";
  const complete = (): void => {
    if (head === null || !bodies.done) return;
    messages.push({ head, body, trailers: bodies.trailers });
    head = null;
    body = "";
  };
  try {
    for (const piece of pieces) {
      let at = 0;
      while (at < piece.length) {
        if (head === null) {
          head = heads.decode(piece, at);
          if (head === null) break;
          at = heads.next;
          bodies.start("status" in head ? responseBody(head, method) : head.body, head.length);
        } else {
          at = bodies.read(piece, at);
          body += piece.toString("latin1", bodies.spanStart, bodies.spanEnd);
        }
        complete();
      }
    }
    if (head !== null) {
      bodies.end();
      complete();
    }
    return { messages, reason: null, open: head !== null || heads.partial, unfinished: head !== null };
  } catch (thrown) {
    if (!(thrown instanceof MeshError)) throw thrown;
    return { messages, reason: String(thrown.details["reason"]), open: false, unfinished: head !== null };
  }
}

/** The message cut in two at every place, then into single bytes. */
export function everySplit(text: string): Buffer[][] {
  const bytes = Buffer.from(text, "latin1");
  const splits = Array.from({ length: bytes.length }, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)]);
  splits.push(Array.from({ length: bytes.length }, (_, at) => bytes.subarray(at, at + 1)));
  return splits;
}
