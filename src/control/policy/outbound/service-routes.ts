/** The routes of a Service for a client, with where each of them leads. */
import type { ClusterIndex } from "../../index/cluster-index.ts";
import type { Track } from "../../index/derivations.ts";
import type {
  BackendRef,
  GrpcMatch,
  GrpcRouteRecord,
  HttpMatch,
  HttpRouteRecord,
  RouteRecord,
  RouteRule,
} from "../../index/policy/route.ts";
import type { RouteFilter } from "../../index/policy/route-filter.ts";
import type { ServiceRecord } from "../../index/service.ts";
import { type Retries, retriesOf, type Timeouts, timeoutsOf } from "./traffic-annotations.ts";

/** A Service's port as a place to send requests. */
export interface ServiceBackend {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  /** What to ask Destination.Get for. */
  readonly path: string;
}

export interface WeightedBackend {
  /** At least 1. */
  readonly weight: number;
  readonly backend: ServiceBackend;
  readonly filters: readonly RouteFilter[];
  /** ms for each attempt; null: no limit. */
  readonly timeout: number | null;
}

export interface OutboundRule<M> {
  readonly matches: readonly M[];
  readonly filters: readonly RouteFilter[];
  /** By weight; none: every request fails. */
  readonly backends: readonly WeightedBackend[];
  readonly timeouts: Timeouts;
  readonly retries: Retries | null;
}

export interface OutboundRoute<M> {
  /** Null: the route that is there when nobody wrote one. */
  readonly origin: {
    readonly group: string;
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
  } | null;
  readonly hosts: readonly string[];
  readonly rules: ReadonlyArray<OutboundRule<M>>;
}

export interface ServiceRoutes {
  /** At least one. */
  readonly http: ReadonlyArray<OutboundRoute<HttpMatch>>;
  /** Empty: nobody wrote one. */
  readonly grpc: ReadonlyArray<OutboundRoute<GrpcMatch>>;
}

export interface RouteContext {
  readonly index: ClusterIndex;
  readonly clusterDomain: string;
  readonly service: ServiceRecord;
  readonly port: number;
  /** What the client asks Destination.Get for when it means the Service itself: it may be one instance of it. */
  readonly path: string;
  /** Of the client; "" when unknown. */
  readonly clientNamespace: string;
  readonly track: Track;
}

export function routesOfService(context: RouteContext): ServiceRoutes {
  const { index, service, port, track } = context;
  const parent = { group: "", kind: "service", namespace: service.namespace, name: service.name };
  const attached = (route: RouteRecord): boolean =>
    route.parents.some(
      (ref) =>
        ref.group === "" &&
        ref.kind === "service" &&
        ref.namespace === service.namespace &&
        ref.name === service.name &&
        (ref.port === null || ref.port === port),
    );
  const http = forClient(context, index.policy.httpRoutesOf(parent, track).filter(attached));
  const grpc = forClient(context, index.policy.grpcRoutesOf(parent, track).filter(attached));
  return {
    http: http.length > 0 ? http.map((route) => outboundRoute<HttpMatch>(context, route)) : [defaultRoute(context)],
    grpc: grpc.map((route) => outboundRoute<GrpcMatch>(context, route)),
  };
}

/**
 * Routes of the client's own namespace, if it wrote any for the Service, else those of the Service's namespace:
 * https://gateway-api.sigs.k8s.io/concepts/glossary/#consumer-route
 */
function forClient<R extends HttpRouteRecord | GrpcRouteRecord>(
  { service, clientNamespace }: RouteContext,
  routes: readonly R[],
): readonly R[] {
  const consumer = routes.filter(
    ({ namespace }) => namespace === clientNamespace && clientNamespace !== service.namespace,
  );
  return consumer.length > 0 ? consumer : routes.filter(({ namespace }) => namespace === service.namespace);
}

function outboundRoute<M>(
  context: RouteContext,
  route: { readonly rules: ReadonlyArray<RouteRule<M>> } & RouteRecord,
): OutboundRoute<M> {
  const { annotations } = context.service;
  // Timeouts all or nothing, retries only where the route says nothing of them: what the route says is meant for it.
  const timeouts = timeoutsOf(route.annotations) ?? timeoutsOf(annotations) ?? noTimeouts;
  const ownRetries = Object.keys(route.annotations).some((key) => key.startsWith("retry.linkerd.io/"));
  const retries = retriesOf(ownRetries ? route.annotations : annotations);
  return {
    origin: { group: route.group, kind: route.kind, namespace: route.namespace, name: route.name },
    hosts: route.hostnames,
    rules: route.rules.map(({ matches, filters, backends, requestTimeout, backendTimeout }) => {
      const places =
        backends === null
          ? [{ weight: 1, backend: own(context), filters: [], timeout: backendTimeout }]
          : backends
              .filter(({ weight }) => weight > 0)
              .map((reference) => weighted(context, reference, backendTimeout));
      return {
        matches,
        filters: [...filters, ...commonFailure(places)],
        backends: places,
        timeouts: requestTimeout === null ? timeouts : { ...timeouts, request: requestTimeout },
        retries,
      };
    }),
  };
}

/** Where no backend can be used, the rule itself fails: no proxy then has to choose one first. */
function commonFailure(places: readonly WeightedBackend[]): readonly RouteFilter[] {
  const failures = places.map(({ filters }) => filters.find(({ kind }) => kind === "failure"));
  const [first] = failures;
  return first !== undefined && !failures.includes(undefined) ? [first] : [];
}

const noTimeouts: Timeouts = { request: null, response: null, idle: null };

function defaultRoute(context: RouteContext): OutboundRoute<HttpMatch> {
  const { annotations } = context.service;
  return {
    origin: null,
    hosts: [],
    rules: [
      {
        matches: [{ path: { kind: "prefix", value: "/" }, method: null, headers: [], query: [] }],
        filters: [],
        backends: [{ weight: 1, backend: own(context), filters: [], timeout: null }],
        timeouts: timeoutsOf(annotations) ?? noTimeouts,
        retries: retriesOf(annotations),
      },
    ],
  };
}

function own({ service, port, path }: RouteContext): ServiceBackend {
  return { namespace: service.namespace, name: service.name, port, path };
}

/** A backend that is not there takes its share of the requests and fails them: the others must not get more than theirs. */
function weighted(context: RouteContext, reference: BackendRef, timeout: number | null): WeightedBackend {
  const { index, clusterDomain, track } = context;
  const { namespace, name, weight } = reference;
  const port = reference.port ?? context.port;
  const backend = { namespace, name, port, path: `${name}.${namespace}.svc.${clusterDomain}:${port}` };
  const problem = problemOf(index, reference, track);
  const filters: readonly RouteFilter[] =
    problem === null ? reference.filters : [{ kind: "failure", status: 500, message: problem }];
  return { weight, backend, filters, timeout };
}

/** Why a backend can't be used; null: it can. */
export function problemOf(index: ClusterIndex, reference: BackendRef, track: Track): string | null {
  if (reference.group !== "" || reference.kind !== "service") {
    return `A backend of kind ${reference.kind} is not supported`;
  }
  const service = index.service(reference.namespace, reference.name, track);
  if (service === undefined) return `Service "${reference.name}" in namespace "${reference.namespace}" does not exist`;
  return reference.port === null ? `The backend "${reference.name}" names no port` : null;
}
