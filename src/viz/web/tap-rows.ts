/** Puts the events of a request together to one row. Pure; what it remembers is bounded. */
import { durationMs, type TapEvent, type TapLabels, type TapPeer } from "../client/tap-event.ts";
import type { TapRow } from "./view.ts";

/** Requests that have begun and not ended; the oldest are forgotten beyond it. */
const openLimit = 5000;
/** Letters of a path or name that are sent; a page shows fewer. */
const textLimit = 2048;

interface Open {
  readonly event: TapEvent;
  status: number | null;
  latency: number | null;
}

const owners = [
  "deployment",
  "statefulset",
  "daemonset",
  "cronjob",
  "job",
  "replicationcontroller",
  "replicaset",
  "pod",
];

export class TapRows {
  private readonly open = new Map<string, Open>();

  /** The row of a request, when its response began and again when it ended. */
  take(event: TapEvent): TapRow | null {
    if (event.requestInitEvent !== undefined) {
      this.open.set(keyOf(event, event.requestInitEvent.id), { event, status: null, latency: null });
      const oldest = this.open.keys().next().value;
      if (this.open.size > openLimit && oldest !== undefined) this.open.delete(oldest);
      return null;
    }
    const { responseInitEvent: began, responseEndEvent: ended } = event;
    const id = began?.id ?? ended?.id;
    if (id === undefined) return null;
    const key = keyOf(event, id);
    const known = this.open.get(key);
    // It began before anybody looked.
    if (known === undefined) return null;
    if (began !== undefined) {
      known.status = began.httpStatus;
      known.latency = durationMs(began.sinceRequestInit);
      return row(key, known, null);
    }
    this.open.delete(key);
    return ended === undefined
      ? null
      : row(key, known, {
          duration: durationMs(ended.sinceRequestInit),
          bytes: ended.responseBytes,
          grpcStatus: ended.grpcStatusCode ?? null,
          reset: ended.resetErrorCode ?? null,
        });
  }
}

const keyOf = (event: TapEvent, id: { readonly base: number; readonly stream: number }): string =>
  `${event.proxyDirection} ${id.base}:${id.stream}`;

function row(key: string, { event, status, latency }: Open, end: TapRow["end"]): TapRow {
  const { source, destination, proxyDirection } = event;
  const request = event.requestInitEvent!;
  const peer = proxyDirection === "INBOUND" ? source.metadata : destination.metadata;
  return {
    key,
    direction: proxyDirection === "INBOUND" ? "in" : "out",
    from: nameOf(source),
    to: nameOf(destination),
    method: cut(request.method),
    authority: cut(request.authority),
    path: cut(request.path),
    secured: peer["tls"] === "true",
    peerId: idOf(peer),
    route: cut(event.routeMeta["route"] ?? event.routeMeta["name"] ?? event.routeMeta["route_name"] ?? ""),
    status,
    latency,
    end,
  };
}

function nameOf({ ip, port, metadata }: TapPeer): TapRow["from"] {
  for (const kind of owners) {
    const name = metadata[kind];
    if (name !== undefined && name !== "")
      return { kind, name: cut(name), namespace: cut(metadata["namespace"] ?? "") };
  }
  return { kind: "address", name: `${ip}:${port}`, namespace: "" };
}

function idOf(labels: TapLabels): string | null {
  return labels["client_id"] ?? labels["server_id"] ?? null;
}

const cut = (text: string): string => (text.length <= textLimit ? text : `${text.slice(0, textLimit)}…`);
