/** A proxy's message as an event for clients. Pure. */
import { ipText } from "#rpc/address.ts";
import { HttpMethod_Registered, Scheme_Registered, type Headers } from "#rpc/gen/http_types_pb.ts";
import type { TcpAddress } from "#rpc/gen/net_pb.ts";
import { TapEvent_ProxyDirection, type TapEvent as TapMessage } from "#rpc/gen/tap_pb.ts";
import type { Duration } from "#rpc/protobuf/well-known.ts";
import type { TapDuration, TapEvent, TapHeader, TapLabels, TapPeer, TapStreamId } from "../client/tap-event.ts";

export interface EventContext {
  /** Which of the proxies it came from. */
  readonly base: number;
  /** What is known of whoever has an address. */
  readonly labelsOf: (ip: string) => TapLabels;
  /** Header fields that are told, by their lower-case name. */
  readonly tellsHeader: (name: string) => boolean;
}

/** Null: it says nothing of HTTP. */
export function eventOf(message: TapMessage, context: EventContext): TapEvent | null {
  const { event } = message;
  if (event.case !== "http") return null;
  const { base } = context;
  const headers = (given: Headers | undefined): TapHeader[] => headersOf(given, context.tellsHeader);
  const id = (given: { readonly stream: bigint } | undefined): TapStreamId => ({
    base,
    stream: Number(given?.stream ?? 0n),
  });
  const where = {
    source: peer(message.source, message.sourceMeta?.labels, context),
    destination: peer(message.destination, message.destinationMeta?.labels, context),
    routeMeta: { ...message.routeMeta?.labels },
    proxyDirection: directions.get(message.proxyDirection) ?? "UNKNOWN",
  } as const;
  const http = event.value.event;
  switch (http.case) {
    case "requestInit": {
      const { value } = http;
      const requestInitEvent = {
        id: id(value.id),
        method: nameOf(methodNames, value.method?.type),
        scheme: nameOf(schemeNames, value.scheme?.type).toLowerCase(),
        authority: value.authority,
        path: value.path,
        headers: headers(value.headers),
      };
      return { ...where, requestInitEvent };
    }
    case "responseInit": {
      const { value } = http;
      const responseInitEvent = {
        id: id(value.id),
        sinceRequestInit: durationOf(value.sinceRequestInit),
        httpStatus: value.httpStatus,
        headers: headers(value.headers),
      };
      return { ...where, responseInitEvent };
    }
    case "responseEnd": {
      const { value } = http;
      const end = value.eos?.end;
      const responseEndEvent = {
        id: id(value.id),
        sinceRequestInit: durationOf(value.sinceRequestInit),
        ...(value.sinceResponseInit === undefined ? {} : { sinceResponseInit: durationOf(value.sinceResponseInit) }),
        responseBytes: Number(value.responseBytes),
        trailers: headers(value.trailers),
        ...(end?.case === "grpcStatusCode" ? { grpcStatusCode: end.value } : {}),
        ...(end?.case === "resetErrorCode" ? { resetErrorCode: end.value } : {}),
      };
      return { ...where, responseEndEvent };
    }
    default:
      return null;
  }
}

const directions = new Map<number, "INBOUND" | "OUTBOUND">([
  [TapEvent_ProxyDirection.INBOUND, "INBOUND"],
  [TapEvent_ProxyDirection.OUTBOUND, "OUTBOUND"],
]);

const names = (registered: Readonly<Record<string, number>>): ReadonlyMap<number, string> =>
  new Map(Object.entries(registered).map(([name, number]) => [number, name]));
const methodNames = names(HttpMethod_Registered);
const schemeNames = names(Scheme_Registered);

type Named =
  | { readonly case: "registered"; readonly value: number }
  | { readonly case: "unregistered"; readonly value: string }
  | { readonly case: undefined };

function nameOf(known: ReadonlyMap<number, string>, type: Named | undefined): string {
  if (type?.case === "registered") return known.get(type.value) ?? "";
  return type?.case === "unregistered" ? type.value : "";
}

function peer(addr: TcpAddress | undefined, labels: TapLabels | undefined, context: EventContext): TapPeer {
  const ip = ipText(addr?.ip) ?? "";
  // What the proxy says of this very request is better than what is known of the address.
  return { ip, port: addr?.port ?? 0, metadata: { ...context.labelsOf(ip), ...labels } };
}

function durationOf(given: Duration | undefined): TapDuration {
  return { seconds: Number(given?.seconds ?? 0n), nanos: given?.nanos ?? 0 };
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function headersOf(given: Headers | undefined, tells: (name: string) => boolean): TapHeader[] {
  const out: TapHeader[] = [];
  for (const { name, value } of given?.headers ?? []) {
    if (!tells(name.toLowerCase())) continue;
    try {
      out.push({ name, valueStr: utf8.decode(value) });
    } catch {
      // Header values are any bytes.
      out.push({ name, valueBin: Buffer.from(value).toString("base64") });
    }
  }
  return out;
}
