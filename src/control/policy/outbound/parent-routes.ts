/** The routes of a Service or EgressNetwork for a client, with where each of them leads. */
import type { ClusterIndex } from "../../index/cluster-index.ts";
import type { Track } from "../../index/derivations.ts";
import type {
  BackendRef,
  GrpcMatch,
  HttpMatch,
  RouteRecord,
  RouteRule,
  StreamRouteRecord,
} from "../../index/policy/route.ts";
import type { MirrorRef, Ratio, RouteFilter } from "../../index/policy/route-filter.ts";
import type { OutboundFault } from "./fault.ts";
import { faultOf, saysFaults } from "./fault-annotations.ts";
import { faultsFor } from "./fault-injections.ts";
import {
  type Balancing,
  balancingOf,
  type Retries,
  retriesOf,
  type Timeouts,
  timeoutsOf,
} from "./traffic-annotations.ts";

export type OutboundBackend =
  /** A Service's port; `path` is what to ask Destination.Get for. */
  | {
      readonly kind: "service";
      readonly namespace: string;
      readonly name: string;
      readonly port: number;
      readonly path: string;
      /** Absent: endpoints are chosen as usual. */
      readonly balancing?: Balancing;
    }
  /** The address that the client meant, as an EgressNetwork lets it out. */
  | {
      readonly kind: "original";
      readonly namespace: string;
      readonly name: string;
      readonly ip: string;
      readonly port: number;
    };

/** A filter whose backend, if it has one, is looked up. */
export type OutboundFilter =
  | Exclude<RouteFilter, { readonly kind: "mirror" }>
  | { readonly kind: "mirror"; readonly backend: OutboundBackend; readonly ratio: Ratio };

export interface WeightedBackend {
  /** At least 1. */
  readonly weight: number;
  readonly backend: OutboundBackend;
  readonly filters: readonly OutboundFilter[];
  /** ms for each attempt; null: no limit. */
  readonly timeout: number | null;
}

export interface OutboundRule<M> {
  readonly matches: readonly M[];
  readonly filters: readonly OutboundFilter[];
  /** By weight; none: every request fails. */
  readonly backends: readonly WeightedBackend[];
  readonly timeouts: Timeouts;
  readonly retries: Retries | null;
  /** Headers of the application may say otherwise about both. */
  readonly overridable?: true;
  /** What goes wrong on purpose; absent: nothing. */
  readonly faults?: readonly OutboundFault[];
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

export interface ParentRoutes {
  /** At least one. */
  readonly http: ReadonlyArray<OutboundRoute<HttpMatch>>;
  /** Empty: nobody wrote one. */
  readonly grpc: ReadonlyArray<OutboundRoute<GrpcMatch>>;
  /** By the name in the hello: the hosts of each. */
  readonly tls: ReadonlyArray<OutboundRoute<null>>;
  readonly tcp: ReadonlyArray<OutboundRoute<null>>;
}

/** What routes are attached to. */
export interface RouteParent {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  readonly annotations: Readonly<Record<string, string>>;
  /** Where requests go that no route sends elsewhere. */
  readonly own: OutboundBackend;
  /** What the route does that is there when nobody wrote one. */
  readonly defaultFilters: readonly OutboundFilter[];
}

export interface RouteContext {
  readonly index: ClusterIndex;
  readonly clusterDomain: string;
  readonly parent: RouteParent;
  /** Whether applications may say timeouts and retries in headers of their requests. Default: no. */
  readonly allowRequestHeaders?: boolean | undefined;
  /** Of the client; "" when unknown. */
  readonly clientNamespace: string;
  readonly track: Track;
}

export function routesOfParent(context: RouteContext): ParentRoutes {
  const { index, parent, track } = context;
  const attached = (route: RouteRecord): boolean =>
    route.parents.some(
      (ref) =>
        ref.group === parent.group &&
        ref.kind === parent.kind &&
        ref.namespace === parent.namespace &&
        ref.name === parent.name &&
        (ref.port === null || ref.port === parent.port),
    );
  const http = forClient(context, index.policy.httpRoutesOf(parent, track).filter(attached));
  const grpc = forClient(context, index.policy.grpcRoutesOf(parent, track).filter(attached));
  const streams = (routes: readonly StreamRouteRecord[]): Array<OutboundRoute<null>> =>
    forClient(context, routes.filter(attached)).map((route) => outboundRoute<null>(context, route));
  return {
    http: http.length > 0 ? http.map((route) => outboundRoute<HttpMatch>(context, route)) : [defaultRoute(context)],
    grpc: grpc.map((route) => outboundRoute<GrpcMatch>(context, route)),
    tls: streams(index.policy.tlsRoutesOf(parent, track)),
    tcp: streams(index.policy.tcpRoutesOf(parent, track)),
  };
}

/** What counts of the routes of a parent: of several kinds the one that says most of the traffic. */
export function deciding({ http, grpc, tls, tcp }: ParentRoutes): "grpc" | "http" | "tls" | "tcp" | "none" {
  if (grpc.length > 0) return "grpc";
  if (http.some(({ origin }) => origin !== null)) return "http";
  if (tls.length > 0) return "tls";
  return tcp.length > 0 ? "tcp" : "none";
}

/**
 * Routes of the client's own namespace, if it wrote any for the Service, else those of the Service's namespace:
 * https://gateway-api.sigs.k8s.io/concepts/glossary/#consumer-route
 */
function forClient<R extends RouteRecord>(
  { parent, clientNamespace }: RouteContext,
  routes: readonly R[],
): readonly R[] {
  const consumer = routes.filter(
    ({ namespace }) => namespace === clientNamespace && clientNamespace !== parent.namespace,
  );
  return consumer.length > 0 ? consumer : routes.filter(({ namespace }) => namespace === parent.namespace);
}

function outboundRoute<M>(
  context: RouteContext,
  route: { readonly rules: ReadonlyArray<RouteRule<M>> } & RouteRecord,
): OutboundRoute<M> {
  const { annotations, own } = context.parent;
  // Timeouts all or nothing, retries only where the route says nothing of them: what the route says is meant for it.
  const timeouts = timeoutsOf(route.annotations) ?? timeoutsOf(annotations) ?? noTimeouts;
  const ownRetries = Object.keys(route.annotations).some((key) => key.startsWith("retry.linkerd.io/"));
  const retries = retriesOf(ownRetries ? route.annotations : annotations);
  const faults = faultsOf(context, saysFaults(route.annotations) ? route.annotations : annotations, route);
  return {
    origin: { group: route.group, kind: route.kind, namespace: route.namespace, name: route.name },
    hosts: route.hostnames,
    rules: route.rules.map(({ matches, filters, backends, requestTimeout, backendTimeout }) => {
      const places =
        backends === null
          ? [{ weight: 1, backend: own, filters: [], timeout: backendTimeout }]
          : backends
              .filter(({ weight }) => weight > 0)
              .map((reference) => weighted(context, reference, backendTimeout));
      return {
        matches,
        filters: [...outboundFilters(context, filters), ...commonFailure(places)],
        backends: places,
        timeouts: requestTimeout === null ? timeouts : { ...timeouts, request: requestTimeout },
        retries,
        ...overridable(context),
        ...faults,
      };
    }),
  };
}

/** Where no backend can be used, the rule itself fails: no proxy then has to choose one first. */
function commonFailure(places: readonly WeightedBackend[]): readonly OutboundFilter[] {
  const failures = places.map(({ filters }) => filters.find(({ kind }) => kind === "failure"));
  const [first] = failures;
  return first !== undefined && !failures.includes(undefined) ? [first] : [];
}

/** A mirror that can't be used is left out: the requests themselves must not suffer from it. */
function outboundFilters(context: RouteContext, filters: readonly RouteFilter[]): OutboundFilter[] {
  return filters.flatMap((filter): OutboundFilter[] => {
    if (filter.kind !== "mirror") return [filter];
    const { namespace, name, port } = filter.backend;
    if (port === null || problemOf(context.index, filter.backend, context.track) !== null) return [];
    const path = `${name}.${namespace}.svc.${context.clusterDomain}:${port}`;
    return [{ kind: "mirror", backend: { kind: "service", namespace, name, port, path }, ratio: filter.ratio }];
  });
}

const noTimeouts: Timeouts = { request: null, response: null, idle: null };

function defaultRoute(context: RouteContext): OutboundRoute<HttpMatch> {
  const { annotations, own, defaultFilters } = context.parent;
  return {
    origin: null,
    hosts: [],
    rules: [
      {
        matches: [{ path: { kind: "prefix", value: "/" }, method: null, headers: [], query: [] }],
        filters: defaultFilters,
        backends: [{ weight: 1, backend: own, filters: [], timeout: null }],
        timeouts: timeoutsOf(annotations) ?? noTimeouts,
        retries: retriesOf(annotations),
        ...overridable(context),
        ...faultsOf(context, annotations),
      },
    ],
  };
}

/** A backend that is not there takes its share of the requests and fails them: the others must not get more than theirs. */
function weighted(context: RouteContext, reference: BackendRef, timeout: number | null): WeightedBackend {
  const { index, clusterDomain, track, parent } = context;
  const { namespace, name, weight, filters } = reference;
  const { own } = parent;
  // An EgressNetwork as a backend of its own routes: on to where the client wanted to go.
  if (
    own.kind === "original" &&
    reference.kind === "egressnetwork" &&
    name === own.name &&
    namespace === own.namespace
  ) {
    return { weight, backend: own, filters: outboundFilters(context, filters), timeout };
  }
  const port = reference.port ?? parent.port;
  const path = `${name}.${namespace}.svc.${clusterDomain}:${port}`;
  const problem = problemOf(index, reference, track);
  return {
    weight,
    backend: { kind: "service", namespace, name, port, path, ...balancingOfService(context, namespace, name) },
    filters:
      problem === null ? outboundFilters(context, filters) : [{ kind: "failure", status: 500, message: problem }],
    timeout,
  };
}

/** Those of annotations, of FaultInjections for the parent, and of those for the route. */
function faultsOf(
  { index, parent, track }: RouteContext,
  annotations: Readonly<Record<string, string>>,
  route: RouteRecord | null = null,
): Pick<OutboundRule<unknown>, "faults"> {
  const fault = faultOf(annotations);
  const faults = [
    ...(fault === null ? [] : [fault]),
    ...faultsFor(index, parent, track),
    ...(route === null ? [] : faultsFor(index, route, track)),
  ];
  return faults.length === 0 ? {} : { faults };
}

function overridable({ allowRequestHeaders }: RouteContext): Pick<OutboundRule<unknown>, "overridable"> {
  return allowRequestHeaders === true ? { overridable: true } : {};
}

/** By the annotations of the Service that the requests go to. */
function balancingOfService({ index, track }: RouteContext, namespace: string, name: string) {
  const balancing = balancingOf(index.service(namespace, name, track)?.annotations ?? {});
  return balancing === null ? {} : { balancing };
}

/** Why a backend can't be used; null: it can. */
export function problemOf(index: ClusterIndex, reference: MirrorRef, track: Track): string | null {
  if (reference.group !== "" || reference.kind !== "service") {
    return `A backend of kind ${reference.kind} is not supported`;
  }
  const service = index.service(reference.namespace, reference.name, track);
  if (service === undefined) return `Service "${reference.name}" in namespace "${reference.namespace}" does not exist`;
  return reference.port === null ? `The backend "${reference.name}" names no port` : null;
}
