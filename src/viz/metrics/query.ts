/** The stat query and its answer as they travel between the metrics API and its clients: URL parameters and JSON. */
import { MeshError } from "#lib/errors.ts";
import { matchesLabels, parseLabelSelector } from "#model/label-selector.ts";
import { resourceKind, type ResourceRef } from "./resource.ts";
import type { StatQuery } from "./stat.ts";

/** Without this many ms the rates of two scrapes can't be told. */
export const minWindow = 15_000;

/** What a client asks; `selector` is a label selector's text. */
export interface StatRequest {
  readonly resource: ResourceRef;
  readonly window: number;
  readonly to?: ResourceRef;
  readonly from?: ResourceRef;
  readonly selector?: string;
  readonly unmeshed?: boolean;
}

function writeRef(params: URLSearchParams, prefix: string, ref: ResourceRef): void {
  params.set(`${prefix}kind`, ref.kind);
  if (ref.namespace !== null) params.set(`${prefix}namespace`, ref.namespace);
  if (ref.name !== null) params.set(`${prefix}name`, ref.name);
}

export function writeStatRequest(request: StatRequest): URLSearchParams {
  const params = new URLSearchParams();
  writeRef(params, "", request.resource);
  params.set("window", String(request.window));
  if (request.to !== undefined) writeRef(params, "to-", request.to);
  if (request.from !== undefined) writeRef(params, "from-", request.from);
  if (request.selector !== undefined) params.set("selector", request.selector);
  if (request.unmeshed === true) params.set("unmeshed", "true");
  return params;
}

function readRef(params: URLSearchParams, prefix: string): ResourceRef | null {
  const typed = params.get(`${prefix}kind`);
  if (typed === null) return null;
  const kind = resourceKind(typed);
  if (kind === null)
    throw new MeshError("invalid-argument", `Parameter "${prefix}kind" has the unknown value "${typed}"`);
  return { kind, namespace: params.get(`${prefix}namespace`), name: params.get(`${prefix}name`) };
}

/** Reads a query's parameters. Throws "invalid-argument" naming the one that is wrong. */
export function readStatQuery(params: URLSearchParams): StatQuery {
  const resource = readRef(params, "");
  if (resource === null) throw new MeshError("invalid-argument", 'Parameter "kind" is missing');
  const window = Number(params.get("window") ?? "60000");
  if (!(window >= minWindow && window <= 6 * 3_600_000)) {
    throw new MeshError("invalid-argument", `Parameter "window" is ${params.get("window")}; use 15000 to 21600000 ms`);
  }
  const to = readRef(params, "to-");
  const from = readRef(params, "from-");
  if (to !== null && from !== null) throw new MeshError("invalid-argument", "Use either to or from, not both");
  const selector = params.get("selector");
  const requirements = selector === null ? null : parseLabelSelector(selector);
  return {
    resource,
    window,
    ...(to === null ? {} : { to }),
    ...(from === null ? {} : { from }),
    ...(requirements === null ? {} : { selects: (labels) => matchesLabels(requirements, labels) }),
    unmeshed: params.get("unmeshed") === "true",
  };
}
