/** Tap's events as messages. Pure. */
import type { Labels } from "#lib/metrics/registry.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import { duration, tcpAddress } from "#rpc/address.ts";
import { HttpMethod_Registered, Scheme_Registered } from "#rpc/gen/http_types_pb.ts";
import { TapEvent_ProxyDirection, type TapEventSchema } from "#rpc/gen/tap_pb.ts";
import type { MessageInitShape } from "#rpc/protobuf/types.ts";
import type { FlatHeaders, RequestHead } from "#wire/http1/head.ts";
import { http2Code } from "#wire/http2/errors.ts";
import type { ExchangeEnd } from "../http/request-handler.ts";

export type TapEventInit = MessageInitShape<typeof TapEventSchema>;

/** Where a request comes from and goes to. */
export interface TapPlaces {
  readonly direction: "inbound" | "outbound";
  readonly source: SocketAddr;
  readonly sourceLabels: Labels;
  readonly destination: SocketAddr;
  readonly destinationLabels: Labels;
  readonly routeLabels: Labels;
}

export interface TapId {
  readonly base: number;
  readonly stream: bigint;
}

const registered: Readonly<Record<string, number>> = HttpMethod_Registered;

function places(where: TapPlaces): TapEventInit {
  const { direction, source, sourceLabels, destination, destinationLabels, routeLabels } = where;
  return {
    ...optional("source", tcpAddress(source)),
    ...optional("destination", tcpAddress(destination)),
    sourceMeta: { labels: { ...sourceLabels } },
    destinationMeta: { labels: { ...destinationLabels } },
    routeMeta: { labels: { ...routeLabels } },
    proxyDirection: direction === "inbound" ? TapEvent_ProxyDirection.INBOUND : TapEvent_ProxyDirection.OUTBOUND,
  };
}

function optional<K extends string, V>(key: K, value: V | null): Partial<Record<K, V>> {
  return value === null ? {} : ({ [key]: value } as Record<K, V>);
}

function headersMessage(fields: FlatHeaders | null): object {
  if (fields === null) return {};
  const headers: Array<{ name: string; value: Uint8Array<ArrayBuffer> }> = [];
  for (let at = 0; at < fields.length; at += 2)
    headers.push({ name: fields[at] ?? "", value: Buffer.from(fields[at + 1] ?? "", "latin1") });
  return { headers: { headers } };
}

/** `extract`: with its header fields. */
export function requestInit(where: TapPlaces, id: TapId, head: RequestHead, extract: boolean): TapEventInit {
  const known = registered[head.method];
  const value = {
    id,
    method: {
      type:
        known === undefined
          ? { case: "unregistered" as const, value: head.method }
          : { case: "registered" as const, value: known as 0 },
    },
    scheme: { type: { case: "registered" as const, value: Scheme_Registered.HTTP } },
    authority: head.authority,
    path: head.path,
    ...headersMessage(extract ? head.headers : null),
  };
  return { ...places(where), event: { case: "http", value: { event: { case: "requestInit", value } } } };
}

/** `since`: ms after the request's head. */
export function responseInit(
  where: TapPlaces,
  id: TapId,
  since: number,
  status: number,
  headers: FlatHeaders | null,
): TapEventInit {
  const value = { id, sinceRequestInit: duration(since), httpStatus: status, ...headersMessage(headers) };
  return { ...places(where), event: { case: "http", value: { event: { case: "responseInit", value } } } };
}

/** How a response ended, as far as there is more to say than that it did. */
function eos(end: ExchangeEnd, grpcStatus: number): object {
  if (end !== "complete") {
    const code = end === "client-gone" ? http2Code.cancel : http2Code.internalError;
    return { eos: { end: { case: "resetErrorCode", value: code } } };
  }
  return grpcStatus < 0 ? {} : { eos: { end: { case: "grpcStatusCode", value: grpcStatus } } };
}

/** Times are ms. `sinceResponse` null: there was no response. */
export function responseEnd(
  where: TapPlaces,
  id: TapId,
  sinceRequest: number,
  sinceResponse: number | null,
  bytes: number,
  end: ExchangeEnd,
  grpcStatus: number,
): TapEventInit {
  const value = {
    id,
    sinceRequestInit: duration(sinceRequest),
    ...(sinceResponse === null ? {} : { sinceResponseInit: duration(sinceResponse) }),
    responseBytes: BigInt(bytes),
    ...eos(end, grpcStatus),
  };
  return { ...places(where), event: { case: "http", value: { event: { case: "responseEnd", value } } } };
}
