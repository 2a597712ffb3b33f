/** HTTPRoute and GRPCRoute: which requests, and what becomes of them. */
import type { KubeObject } from "#kube/types/meta.ts";
import type { Rule } from "../../admission/rule.ts";
import { concernsUs } from "../../admission/rules/route-parts.ts";
import { checkGrpcMatch, checkGrpcRoute } from "../../admission/rules/grpc-route.ts";
import { checkHttpMatch, checkHttpRoute } from "../../admission/rules/http-route.ts";
import { checkStreamRoute } from "../../admission/rules/stream-route.ts";
import { Field } from "../../admission/field.ts";
import { Findings } from "../../admission/findings.ts";
import { checkPatterns } from "../../admission/pattern.ts";
import { Shared } from "../shared.ts";
import type { ObjectRef } from "./authorization-policy.ts";
import { policyRecord, type PolicyRecord, validSpec, whyInvalid } from "./policy-record.ts";
import { parseGepDuration } from "./durations.ts";
import { sharedRoute } from "./shared-route.ts";
import { type FilterSpec, type RouteFilter, routeFilters } from "./route-filter.ts";

export interface ParentRef extends ObjectRef {
  readonly port: number | null;
  /** As it was written; statuses repeat it. */
  readonly written: Readonly<Record<string, unknown>>;
  /**
   * Written without a kind, which then is Gateway, and no controller of Gateways knows it: where there is a Service of this
   * name, that is what was meant.
   */
  readonly assumed: boolean;
}

export interface TextMatch {
  readonly kind: "exact" | "regex";
  readonly value: string;
}

export interface NamedMatch extends TextMatch {
  readonly name: string;
}

/** Everything given must hold; null: anything. */
export interface HttpMatch {
  readonly path: { readonly kind: "exact" | "prefix" | "regex"; readonly value: string } | null;
  readonly method: string | null;
  readonly headers: readonly NamedMatch[];
  readonly query: readonly NamedMatch[];
}

export interface GrpcMatch {
  /** Whether the names are written as they are or as regular expressions. */
  readonly kind: TextMatch["kind"];
  /** Null: any. */
  readonly service: string | null;
  readonly method: string | null;
  readonly headers: readonly NamedMatch[];
}

export interface BackendRef extends ObjectRef {
  readonly port: number | null;
  readonly weight: number;
  readonly filters: readonly RouteFilter[];
}

export interface RouteRule<M> {
  /** Alternatives; there is at least one. */
  readonly matches: readonly M[];
  readonly filters: readonly RouteFilter[];
  /** Null: none are named, so the parent itself is meant. */
  readonly backends: readonly BackendRef[] | null;
  /** ms; null: no limit. */
  readonly requestTimeout: number | null;
  readonly backendTimeout: number | null;
}

interface RouteBase extends PolicyRecord {
  readonly group: string;
  readonly parents: readonly ParentRef[];
  readonly hostnames: readonly string[];
  /** Those of the mesh. */
  readonly annotations: Readonly<Record<string, string>>;
  /** `status.parents` as it is stored, of all controllers. */
  readonly status: readonly unknown[];
  /** What is wrong with it; it then has no rules. Null: nothing is. */
  readonly invalid: string | null;
}

export interface HttpRouteRecord extends RouteBase {
  readonly kind: "HTTPRoute";
  readonly rules: ReadonlyArray<RouteRule<HttpMatch>>;
  /** Which requests an invalid one is about, as far as that can be read: a Server must not let them pass as another's. */
  readonly about: readonly HttpMatch[];
}

export interface GrpcRouteRecord extends RouteBase {
  readonly kind: "GRPCRoute";
  readonly rules: ReadonlyArray<RouteRule<GrpcMatch>>;
  /** As that of an HTTPRoute. */
  readonly about: readonly GrpcMatch[];
}

/** Whole connections: one rule, and for TLS the names in the hello. */
export interface StreamRouteRecord extends RouteBase {
  readonly kind: "TLSRoute" | "TCPRoute";
  readonly rules: ReadonlyArray<RouteRule<null>>;
}

export type RouteRecord = HttpRouteRecord | GrpcRouteRecord | StreamRouteRecord;

/** How statuses call us. */
export const ourController = "linkerd.io/policy-controller";

interface ReferenceSpec {
  readonly group?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
  readonly port?: number;
  readonly sectionName?: string;
}
interface NamedSpec {
  readonly name: string;
  readonly type?: string;
  readonly value: string;
}
interface RuleSpec<M> {
  readonly matches?: readonly M[];
  readonly filters?: readonly FilterSpec[];
  readonly backendRefs?: ReadonlyArray<
    ReferenceSpec & { readonly weight?: number; readonly filters?: readonly FilterSpec[] }
  >;
  readonly timeouts?: { readonly request?: string; readonly backendRequest?: string };
}
interface RouteSpec<M> {
  readonly parentRefs?: readonly ReferenceSpec[];
  readonly hostnames?: readonly string[];
  readonly rules?: ReadonlyArray<RuleSpec<M>>;
}
interface HttpMatchSpec {
  readonly path?: { readonly type?: string; readonly value?: string };
  readonly method?: string;
  readonly headers?: readonly NamedSpec[];
  readonly queryParams?: readonly NamedSpec[];
}
interface GrpcMatchSpec {
  readonly method?: { readonly type?: string; readonly service?: string; readonly method?: string };
  readonly headers?: readonly NamedSpec[];
}

/** Reads HTTPRoutes of a group; null for those that don't concern the mesh. There can be thousands, which are much alike. */
export function decodeHttpRoute(group: string, shared = new Shared()): (object: KubeObject) => HttpRouteRecord | null {
  return (object) => {
    if (!ours(object, group)) return null;
    const { rules, base } = readRoute<HttpMatchSpec, HttpMatch>(object, group, checkHttpRoute, ({ rules = [{}] }) =>
      rules.map((rule) => routeRule(object, rule, httpMatch, anyHttp)),
    );
    const about = rules === null ? readableMatches(object, checkHttpMatch, httpMatch, anyHttp) : [];
    return sharedRoute({ ...base, kind: "HTTPRoute", rules: rules ?? [], about }, shared);
  };
}

export function decodeGrpcRoute(object: KubeObject): GrpcRouteRecord | null {
  const group = "gateway.networking.k8s.io";
  if (!ours(object, group)) return null;
  const { rules, base } = readRoute<GrpcMatchSpec, GrpcMatch>(object, group, checkGrpcRoute, ({ rules = [{}] }) =>
    rules.map((rule) => routeRule(object, rule, grpcMatch, anyGrpc)),
  );
  const about = rules === null ? readableMatches(object, checkGrpcMatch, grpcMatch, anyGrpc) : [];
  return { ...base, kind: "GRPCRoute", rules: rules ?? [], about };
}

export function decodeStreamRoute(kind: "TLSRoute" | "TCPRoute"): (object: KubeObject) => StreamRouteRecord | null {
  const group = "gateway.networking.k8s.io";
  return (object) => {
    if (!ours(object, group)) return null;
    const { rules, base } = readRoute<never, null>(object, group, checkStreamRoute, ({ rules: list = [] }) =>
      list.map((rule) => routeRule<never, null>(object, rule, () => null, null)),
    );
    return { ...base, kind, rules: rules ?? [] };
  };
}

/**
 * The rules are null where something is wrong: only its parents and hosts are read then, as far as they can be, to tell the
 * parents and to fail what it is about.
 */
function readRoute<S, M>(
  object: KubeObject,
  group: string,
  rule: Rule,
  read: (spec: RouteSpec<S>) => ReadonlyArray<RouteRule<M>>,
): { readonly rules: ReadonlyArray<RouteRule<M>> | null; readonly base: RouteBase } {
  try {
    const spec = validSpec<RouteSpec<S>>(object, group, rule, true);
    return { rules: read(spec), base: routeBase(object, spec, group, null) };
  } catch (thrown) {
    // A form that the rules overlook must not make the route vanish: what it is about would be left to wider ones.
    return { rules: null, base: routeBase(object, readableSpec(object), group, whyInvalid(thrown)) };
  }
}

/** Parents with names, and hosts if all can be read: without, the route is about those of every name. */
function readableSpec(object: KubeObject): RouteSpec<never> {
  const spec = specField(object);
  const texts = ["group", "kind", "namespace"];
  const parentRefs = spec
    .at("parentRefs")
    .objects()
    .filter((parent) => typeof parent.at("name").value === "string")
    .filter((parent) => texts.every((key) => !parent.at(key).present || parent.at(key).text() !== null))
    .map((parent): ReferenceSpec => {
      const { port, ...reference } = parent.value as ReferenceSpec;
      // For one that can't be read every port is meant.
      return typeof port === "number" ? { ...reference, port } : reference;
    });
  const hosts = spec.at("hostnames").items();
  const hostnames = hosts.flatMap((host) => host.text() ?? []);
  return { parentRefs, hostnames: hostnames.length === hosts.length ? hostnames : [] };
}

function specField(object: KubeObject): Field {
  return new Field("spec", (object as KubeObject & { readonly spec?: unknown }).spec, new Findings());
}

/** The matches of a spec with faults; one that can't be read is about everything. */
function readableMatches<S, M>(object: KubeObject, check: (match: Field) => void, read: (match: S) => M, any: M): M[] {
  const rules = specField(object).at("rules").items();
  if (rules.length === 0) return [any];
  return rules.flatMap((rule) => {
    const matches = rule.at("matches").items();
    if (matches.length === 0) return [any];
    return matches.map(({ path, value }) => {
      const findings = new Findings();
      const match = new Field(path, value, findings);
      if (!match.object()) return any;
      check(match);
      checkPatterns(findings);
      return findings.problems.length === 0 ? read(value as S) : any;
    });
  });
}

/** One parent is ours, or may be meant to be. */
function ours(object: KubeObject, group: string): boolean {
  const { namespace = "", name } = object.metadata;
  const spec = specField(object);
  if (concernsUs({ namespace, name, group, metadata: new Field("metadata", {}, spec.findings), spec })) return true;
  return spec
    .at("parentRefs")
    .items()
    .some(({ value }) => isAssumed(object, value as ReferenceSpec, group));
}

/** Routes for listeners of a Gateway name their hosts or a listener; those for a Service hardly ever do. */
function isAssumed(object: KubeObject, parent: ReferenceSpec | null, group: string): boolean {
  if (parent === null || typeof parent !== "object" || parent.sectionName !== undefined) return false;
  if (specField(object).at("hostnames").items().length > 0) return false;
  const gateways = (parent.kind ?? "Gateway") === "Gateway" && (parent.group ?? group) === group;
  if (!gateways || (parent.namespace !== undefined && parent.namespace !== object.metadata.namespace)) return false;
  return !statusOf(object).some((entry) => {
    const { parentRef, controllerName } = (entry ?? {}) as { parentRef?: unknown; controllerName?: unknown };
    return controllerName !== ourController && Bun.deepEquals(parentRef, parent);
  });
}

function routeBase(object: KubeObject, spec: RouteSpec<unknown>, group: string, invalid: string | null): RouteBase {
  const record = policyRecord(object);
  const annotations: Record<string, string> = {};
  for (const [key, value] of Object.entries(object.metadata.annotations ?? {})) {
    if (key.includes("linkerd.io/")) annotations[key] = value;
  }
  return {
    ...record,
    group,
    annotations,
    hostnames: (spec.hostnames ?? []).map((host) => host.toLowerCase()),
    parents: (spec.parentRefs ?? []).map((parent) => ({
      ...(isAssumed(object, parent, group)
        ? { group: "", kind: "service", namespace: record.namespace, name: parent.name, assumed: true }
        : { ...objectRef(parent, { group, kind: "Gateway", namespace: record.namespace }), assumed: false }),
      port: parent.port ?? null,
      written: { ...parent },
    })),
    status: statusOf(object),
    invalid,
  };
}

function statusOf(object: KubeObject): readonly unknown[] {
  const { status } = object as KubeObject & { readonly status?: { readonly parents?: unknown } };
  return Array.isArray(status?.parents) ? (status.parents as unknown[]) : [];
}

function routeRule<S, M>(object: KubeObject, rule: RuleSpec<S>, read: (match: S) => M, any: M): RouteRule<M> {
  const fallback = { group: "", kind: "Service", namespace: object.metadata.namespace ?? "" };
  const matches = (rule.matches ?? []).map(read);
  return {
    matches: matches.length === 0 ? [any] : matches,
    filters: routeFilters(rule.filters, fallback.namespace),
    backends:
      rule.backendRefs === undefined || rule.backendRefs.length === 0
        ? null
        : rule.backendRefs.map((backend) => ({
            ...objectRef(backend, fallback),
            port: backend.port ?? null,
            weight: backend.weight ?? 1,
            filters: routeFilters(backend.filters, fallback.namespace),
          })),
    requestTimeout: parseGepDuration(rule.timeouts?.request),
    backendTimeout: parseGepDuration(rule.timeouts?.backendRequest),
  };
}

function objectRef(
  reference: ReferenceSpec,
  fallback: { readonly group: string; readonly kind: string; readonly namespace: string },
): ObjectRef {
  const group = (reference.group ?? fallback.group).toLowerCase();
  return {
    group: group === "core" ? "" : group,
    kind: (reference.kind ?? fallback.kind).toLowerCase(),
    namespace: reference.namespace ?? fallback.namespace,
    name: reference.name,
  };
}

const anyHttp: HttpMatch = { path: { kind: "prefix", value: "/" }, method: null, headers: [], query: [] };
const anyGrpc: GrpcMatch = { kind: "exact", service: null, method: null, headers: [] };

function httpMatch({ path, method, headers = [], queryParams = [] }: HttpMatchSpec): HttpMatch {
  const kind = { Exact: "exact", PathPrefix: "prefix", RegularExpression: "regex" } as const;
  return {
    path: {
      kind: kind[(path?.type ?? "PathPrefix") as keyof typeof kind],
      value: path?.value ?? "/",
    },
    method: method ?? null,
    headers: namedMatches(headers, (name) => name.toLowerCase()),
    query: namedMatches(queryParams, (name) => name),
  };
}

function grpcMatch({ method, headers = [] }: GrpcMatchSpec): GrpcMatch {
  return {
    kind: method?.type === "RegularExpression" ? "regex" : "exact",
    service: method?.service ?? null,
    method: method?.method ?? null,
    headers: namedMatches(headers, (name) => name.toLowerCase()),
  };
}

/** Of several with one name only the first counts (Gateway API, HTTPHeaderMatch). */
function namedMatches(specs: readonly NamedSpec[], fold: (name: string) => string): NamedMatch[] {
  const seen = new Map<string, NamedMatch>();
  for (const { name, type, value } of specs) {
    const folded = fold(name);
    if (!seen.has(folded)) {
      seen.set(folded, { name: folded, kind: type === "RegularExpression" ? "regex" : "exact", value });
    }
  }
  return [...seen.values()];
}
