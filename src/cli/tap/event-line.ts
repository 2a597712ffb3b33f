/** An event of tap on one line. Pure; everything that comes from requests is escaped. */
import { durationMs, type TapDuration, type TapEvent, type TapPeer } from "#viz/client/tap-event.ts";
import { printable } from "../output/printable.ts";

/** gRPC's names of its status codes (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md). */
const grpcNames = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
];

/** `wide`: also whose pods they are, and the route. */
export function eventLine(event: TapEvent, wide: boolean): string {
  const { requestInitEvent: req, responseInitEvent: rsp, responseEndEvent: end } = event;
  const text = ({ id }: { readonly id: { readonly base: number; readonly stream: number } }): string =>
    `id=${id.base}:${id.stream} ${flow(event)}`;
  const more = wide ? resources(event) : "";
  if (req !== undefined) {
    const { method, authority, path } = req;
    return printable(`req ${text(req)} :method=${method} :authority=${authority} :path=${path}${more}`);
  }
  if (rsp !== undefined)
    return printable(`rsp ${text(rsp)} :status=${rsp.httpStatus} latency=${micros(rsp.sinceRequestInit)}${more}`);
  if (end === undefined) return printable(`unknown ${flow(event)}${more}`);
  const how =
    end.grpcStatusCode !== undefined
      ? ` grpc-status=${grpcNames[end.grpcStatusCode] ?? `Code(${end.grpcStatusCode})`}`
      : end.resetErrorCode !== undefined
        ? ` reset-error=${end.resetErrorCode}`
        : "";
  const took = micros(end.sinceResponseInit ?? end.sinceRequestInit);
  return printable(`end ${text(end)}${how} duration=${took} response-length=${end.responseBytes}B${more}`);
}

function flow(event: TapEvent): string {
  const { source, destination, proxyDirection } = event;
  const proxy = proxyDirection === "INBOUND" ? "in " : proxyDirection === "OUTBOUND" ? "out" : "";
  return `proxy=${proxy} src=${address(source)} dst=${address(destination)} tls=${tlsOf(event)}`;
}

export function address({ ip, port }: TapPeer): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/** "true", or why not, of the side that the proxy speaks TLS with. */
export function tlsOf({ proxyDirection, source, destination }: TapEvent): string {
  const { tls = "", no_tls_reason: reason } = (proxyDirection === "INBOUND" ? source : destination).metadata;
  return reason ?? tls;
}

function micros(duration: TapDuration): string {
  return `${Math.round(durationMs(duration) * 1000)}µs`;
}

const kinds: ReadonlyArray<readonly [label: string, short: string]> = [
  ["deployment", "deploy"],
  ["cronjob", "cj"],
  ["k8s_job", "job"],
  ["daemonset", "ds"],
  ["statefulset", "sts"],
  ["replicaset", "rs"],
  ["replicationcontroller", "rc"],
  ["pod", "po"],
];

/** The workload of one end, e.g. "deploy/web"; null: it is a stranger. */
export function workloadOf({ metadata }: TapPeer): string | null {
  for (const [label, short] of kinds) if (metadata[label] !== undefined) return `${short}/${metadata[label]}`;
  return null;
}

function resources({ source, destination, routeMeta }: TapEvent): string {
  let out = "";
  for (const [end, peer] of [
    ["src", source],
    ["dst", destination],
  ] as const) {
    const workload = workloadOf(peer);
    if (workload !== null) out += ` ${end}_res=${workload}`;
    const { namespace, client_id: client, server_id: server } = peer.metadata;
    if (namespace !== undefined) out += ` ${end}_ns=${namespace}`;
    if (client !== undefined) out += ` ${end}_client_id=${client}`;
    if (server !== undefined) out += ` ${end}_server_id=${server}`;
  }
  for (const [key, value] of Object.entries(routeMeta)) if (value !== "") out += ` rt_${key}=${value}`;
  return out;
}
