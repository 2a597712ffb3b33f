/** Live requests as tap tells them: what a client of the tap API reads, one JSON document a line. */

/** Labels of one end or of a route, as metrics have them. */
export type TapLabels = Readonly<Record<string, string>>;

/** One end of a request. */
export interface TapPeer {
  readonly ip: string;
  readonly port: number;
  /** What is known of it: pod, namespace, workload, tls, client_id, server_id, … */
  readonly metadata: TapLabels;
}

export interface TapStreamId {
  /** Which of the proxies that are looked into. */
  readonly base: number;
  /** Which of its requests. */
  readonly stream: number;
}

/** A header field; `valueBin` is base64 of what is no UTF-8. */
export interface TapHeader {
  readonly name: string;
  readonly valueStr?: string;
  readonly valueBin?: string;
}

export interface TapDuration {
  readonly seconds: number;
  readonly nanos: number;
}

export interface RequestInitEvent {
  readonly id: TapStreamId;
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly headers: readonly TapHeader[];
}

export interface ResponseInitEvent {
  readonly id: TapStreamId;
  readonly sinceRequestInit: TapDuration;
  readonly httpStatus: number;
  readonly headers: readonly TapHeader[];
}

export interface ResponseEndEvent {
  readonly id: TapStreamId;
  readonly sinceRequestInit: TapDuration;
  /** Absent: there was no response. */
  readonly sinceResponseInit?: TapDuration;
  readonly responseBytes: number;
  readonly trailers: readonly TapHeader[];
  readonly grpcStatusCode?: number;
  /** An HTTP/2 error code (RFC 9113 §7): it did not end well. */
  readonly resetErrorCode?: number;
}

/** One thing that happened to a request. Exactly one of the last three is there. */
export interface TapEvent {
  readonly source: TapPeer;
  readonly destination: TapPeer;
  readonly routeMeta: TapLabels;
  /** Whose proxy saw it: the server's or the client's. */
  readonly proxyDirection: "INBOUND" | "OUTBOUND" | "UNKNOWN";
  readonly requestInitEvent?: RequestInitEvent;
  readonly responseInitEvent?: ResponseInitEvent;
  readonly responseEndEvent?: ResponseEndEvent;
}

/** A line of the tap API's answer. Lines without content keep the connection alive. */
export type TapLine =
  | { readonly event: TapEvent }
  /** How many proxies are looked into now, and of how many pods. */
  | { readonly tapping: { readonly proxies: number; readonly pods: number } }
  /** Requests that matched and were left out, since the start: above the rate, or because the reader was slow. */
  | { readonly dropped: { readonly rate: number; readonly slow: number } }
  /** For people. */
  | { readonly note: string };

/** Milliseconds. */
export function durationMs({ seconds, nanos }: TapDuration): number {
  return seconds * 1000 + nanos / 1e6;
}
