/** A tap request's filters as the expression that proxies judge. Pure. */
import { HttpMethod_Registered, Scheme_Registered } from "#rpc/gen/http_types_pb.ts";
import type { ObserveRequest_MatchSchema } from "#rpc/gen/tap_pb.ts";
import type { MessageInitShape } from "#rpc/protobuf/types.ts";
import type { TapFilters } from "../client/tap-request.ts";
import type { ResourceRef } from "../metrics/resource.ts";

type Match = MessageInitShape<typeof ObserveRequest_MatchSchema>;
type Labels = ReadonlyArray<readonly [key: string, value: string]>;

const methods: Readonly<Record<string, number>> = HttpMethod_Registered;
const schemes: Readonly<Record<string, number>> = Scheme_Registered;

/** Undefined: every request. */
export function matchOf({ to, method, scheme, authority, path }: TapFilters): Match | undefined {
  const matches: Match[] = [];
  if (to !== undefined) matches.push(...toResource(to));
  if (method !== undefined) matches.push(http("method", { type: named(methods, method.toUpperCase(), method) }));
  if (scheme !== undefined) matches.push(http("scheme", { type: named(schemes, scheme.toUpperCase(), scheme) }));
  if (authority !== undefined) matches.push(http("authority", { match: { case: "exact", value: authority } }));
  if (path !== undefined) matches.push(http("path", { match: { case: "prefix", value: path } }));
  return matches.length === 0 ? undefined : { match: { case: "all", value: { matches } } };
}

function http(kind: "method" | "scheme" | "authority" | "path", value: object): Match {
  return { match: { case: "http", value: { match: { case: kind, value } } } } as Match;
}

function named(known: Readonly<Record<string, number>>, upper: string, text: string): object {
  const value = Object.hasOwn(known, upper) ? known[upper] : undefined;
  return value === undefined ? { case: "unregistered", value: text } : { case: "registered", value };
}

function toResource(to: ResourceRef): Match[] {
  if (to.kind === "authority") {
    return to.name === null ? [] : [http("authority", { match: { case: "exact", value: to.name } })];
  }
  return labelsOf(to).map(([key, value]) => ({ match: { case: "destinationLabel", value: { key, value } } }) as Match);
}

/** The labels by which the control plane names a destination. */
function labelsOf({ kind, name, namespace }: ResourceRef): Labels {
  const out: Array<readonly [string, string]> = [];
  if (kind === "namespace") return name === null ? [] : [["namespace", name]];
  // "job" is the label by which Prometheus names its own scrape jobs.
  if (name !== null) out.push([kind === "job" ? "k8s_job" : kind, name]);
  if (namespace !== null) out.push(["namespace", namespace]);
  return out;
}
