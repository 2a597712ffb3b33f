/** Decides, from what the control plane says about an address, how to treat traffic to it. Pure. */
import type { SocketAddr } from "#lib/net/socket.ts";
import { formatSocketAddr } from "#lib/net-addr.ts";
import { milliseconds } from "#rpc/address.ts";
import type { Duration } from "#rpc/protobuf/well-known.ts";
import type { DestinationProfile } from "#rpc/gen/destination_pb.ts";
import type { Metadata } from "#rpc/gen/meta_pb.ts";
import type { Timeouts as TimeoutsMessage } from "#rpc/gen/http_route_pb.ts";
import type {
  Backend,
  Fault as FaultMessage,
  GrpcRoute,
  HttpRoute,
  OpaqueRoute,
  OutboundPolicy,
  TlsRoute,
} from "#rpc/gen/outbound_pb.ts";
import { type Balancing, plainBalancing } from "../balance/balancing.ts";
import { defaultWeight, type EndpointInfo } from "../balance/endpoint.ts";
import type { FailureCause } from "../http/ports.ts";
import type { OutboundProtocol } from "../outbound/ports.ts";
import type { Fault } from "../faults/fault.ts";
import type { Filter } from "../route/filter.ts";
import type { RequestMatch, RouteMatchers } from "../route/match.ts";
import { defaultBudget, type BudgetOptions } from "../route/retry-budget.ts";
import { noTimeouts, type RetryRule, type Timeouts } from "../route/rule.ts";
import type { NamedRoute } from "../route/server-name.ts";
import type { ResourceRef } from "../telemetry/labels.ts";
import { faults } from "./fault-messages.ts";
import { filters, ratioOf, type FilterMessage } from "./filter-messages.ts";
import { profileRoutes, retryBudget } from "./profile-routes.ts";
import { balancing, grpcRetry, httpRetry, judging, notJudged, type Judging } from "./resilience-messages.ts";
import { endpointInfo, type TranslateOptions } from "./endpoint-set.ts";
import { defaultRef, resourceRef, serviceRef } from "./resource-ref.ts";
import { hostMatches, requestMatch, rpcMatch, sniMatches } from "./route-messages.ts";

/** Where traffic can go. */
export type BackendPlan =
  /** The endpoints of a name, by Destination.Get. */
  | {
      readonly kind: "balancer";
      /** "host:port"; also the label `authority`. */
      readonly path: string;
      readonly ref: ResourceRef;
      /** Null: the proxy's own settings. */
      readonly queue: { readonly capacity: number; readonly failfastTimeout: number } | null;
      readonly balancing: Balancing;
    }
  /** One address. `authority`: label, empty when the address has no name. */
  | { readonly kind: "forward"; readonly info: EndpointInfo; readonly authority: string };

export type Choice =
  | {
      readonly kind: "backends";
      readonly backends: readonly PlannedBackend[];
    }
  | Refusal;

export interface Refusal {
  readonly kind: "refuse";
  readonly cause: FailureCause;
  readonly message: string;
}

export interface PlannedBackend {
  readonly weight: number;
  /** Where its share of the traffic goes. */
  readonly plan: BackendPlan | Refusal;
  /** What it is called in metrics. */
  readonly ref: ResourceRef | null;
  readonly filters: readonly Filter[];
  /** Of one try, ms; 0: none. */
  readonly timeout: number;
}

export interface PlannedRoute {
  readonly match: RouteMatchers;
  /** The resource that it comes from. */
  readonly ref: ResourceRef;
  readonly choice: Choice;
  readonly filters: readonly Filter[];
  /** Get a copy of this share of the requests, 0–1. */
  readonly mirrors: ReadonlyArray<{ readonly ratio: number; readonly plan: BackendPlan }>;
  /** Whether headers of the application may say otherwise about timeouts and retries. */
  readonly overridable: boolean;
  /** What goes wrong on purpose. */
  readonly faults: readonly Fault[];
  readonly timeouts: Timeouts;
  readonly retry: RetryRule | null;
  /** Of a route of a ServiceProfile: the destination and its labels; null: it is another one. */
  readonly profile: { readonly dst: string; readonly labels: Readonly<Record<string, string>> } | null;
}

export interface PlannedTlsRoute extends NamedRoute {
  readonly ref: ResourceRef;
  readonly choice: Choice;
}

export interface OutboundPlan {
  /** What the traffic is for. */
  readonly parent: ResourceRef;
  readonly protocol: OutboundProtocol;
  /** For the protocol "tls"; default: none. */
  readonly tls?: readonly PlannedTlsRoute[];
  /** ms */
  readonly detectTimeout: number;
  /** The most specific one that matches decides. */
  readonly http: readonly PlannedRoute[];
  /** The routes are for gRPC. */
  readonly grpc: boolean;
  readonly tcp: Choice;
  /** The route that `tcp` is of; default: none of its own. */
  readonly tcpRef?: ResourceRef;
  /** Of retries, all rules together. */
  readonly budget: BudgetOptions;
}

export interface PlanOptions extends TranslateOptions {
  /** ms, when nobody says otherwise. */
  readonly detectTimeout: number;
}

const anything: RouteMatchers = { hosts: [], requests: [] };

/** What to do when nothing is known: to the address itself, in plaintext. */
export function defaultPlan(addr: SocketAddr, options: PlanOptions): OutboundPlan {
  const choice = single({ kind: "forward", info: plainEndpoint(addr), authority: "" });
  return fromChoice("detect", options.detectTimeout, choice, defaultRef("unknown"));
}

/**
 * Joins the two sources. A profile that is opaque, names one endpoint, or has routes or overrides of its own (that is,
 * comes from a ServiceProfile) decides; otherwise the policy does, if there is one.
 */
export function outboundPlan(
  addr: SocketAddr,
  profile: DestinationProfile | null,
  policy: OutboundPolicy | null,
  options: PlanOptions,
): OutboundPlan {
  const fromProfile = profile === null ? null : profilePlan(addr, profile, options);
  if (policy === null) return fromProfile ?? defaultPlan(addr, options);
  const fromPolicy = policyPlan(policy, options);
  if (fromPolicy === null) return fromProfile ?? defaultPlan(addr, options);
  if (fromPolicy.protocol === "forbidden" || profile === null || fromProfile === null) return fromPolicy;
  const own = profile.routes.length > 0 || profile.dstOverrides.length > 0 || profile.endpoint !== undefined;
  if (own) return fromProfile;
  return profile.opaqueProtocol ? { ...fromPolicy, protocol: "opaque" } : fromPolicy;
}

/** For a name in place of an address: nowhere, when the control plane says nothing of it. There is no address to go to. */
export function onlyKnown(plan: OutboundPlan, { ip }: SocketAddr): OutboundPlan {
  const { tcp } = plan;
  const itself =
    tcp.kind === "backends" && tcp.backends.some(({ plan: to }) => to.kind === "forward" && to.info.addr.ip === ip);
  if (!itself) return plan;
  return {
    ...plan,
    protocol: "forbidden",
    http: [],
    tcp: { kind: "refuse", cause: "route-not-found", message: "Nothing is known of the name" },
  };
}

function profilePlan(addr: SocketAddr, profile: DestinationProfile, options: PlanOptions): OutboundPlan {
  const plan = profileDestination(addr, profile, options);
  const [rest] = plan.http;
  if (rest === undefined || profile.routes.length === 0) return plan;
  const ref = resourceRef(profile.profileRef) ?? rest.ref;
  const dst = `${profile.fullyQualifiedName}:${addr.port}`;
  const own = profileRoutes(profile.routes).map(({ test, labels, timeouts, retry }) => ({
    ...rest,
    match: { ...anything, test },
    ref,
    timeouts,
    retry,
    profile: { dst, labels },
  }));
  return { ...plan, http: [...own, { ...rest, profile: { dst, labels: {} } }], budget: retryBudget(profile) };
}

function profileDestination(addr: SocketAddr, profile: DestinationProfile, options: PlanOptions): OutboundPlan {
  const opaque = profile.opaqueProtocol || profile.endpoint?.protocolHint?.protocol.case === "opaque";
  const protocol = opaque ? "opaque" : "detect";
  const name = profile.fullyQualifiedName;
  const authority = name === "" ? "" : `${name}:${addr.port}`;
  const parent = resourceRef(profile.parentRef) ?? (authority === "" ? defaultRef("unknown") : serviceRef(authority));
  const overrides = profile.dstOverrides.filter((override) => override.weight > 0);
  if (overrides.length > 0) {
    const backends = overrides.map(({ authority: path, weight }) => planned(balancer(path), weight));
    return fromChoice(protocol, options.detectTimeout, { kind: "backends", backends }, parent);
  }
  const info = profile.endpoint === undefined ? null : endpointInfo(profile.endpoint, {}, options);
  if (info !== null)
    return fromChoice(protocol, options.detectTimeout, single({ kind: "forward", info, authority }), parent);
  if (authority !== "") return fromChoice(protocol, options.detectTimeout, single(balancer(authority)), parent);
  const forward: BackendPlan = { kind: "forward", info: plainEndpoint(addr), authority: "" };
  return fromChoice(protocol, options.detectTimeout, single(forward), parent);
}

/** Null when the message has no protocol that we know. */
function policyPlan(policy: OutboundPolicy, options: PlanOptions): OutboundPlan | null {
  const kind = policy.protocol?.kind;
  const parent = resourceRef(policy.metadata) ?? defaultRef("unknown");
  switch (kind?.case) {
    case "detect": {
      const http = httpRoutes(kind.value.http1?.routes ?? [], judging(kind.value.http1?.failureAccrual), options);
      const opaque = kind.value.opaque?.routes ?? [];
      const tcp = tcpChoice(opaque, options) ?? firstOf(http);
      if (tcp === null) return null;
      const detectTimeout = milliseconds(kind.value.timeout, options.detectTimeout);
      const shared = { http, grpc: false, tcp, tcpRef: tcpRef(opaque), parent, budget: defaultBudget };
      return { protocol: "detect", detectTimeout, ...shared };
    }
    case "http1":
    case "http2": {
      const http = httpRoutes(kind.value.routes, judging(kind.value.failureAccrual), options);
      const tcp = firstOf(http);
      return tcp === null
        ? null
        : {
            protocol: kind.case,
            detectTimeout: options.detectTimeout,
            http,
            grpc: false,
            tcp,
            parent,
            budget: defaultBudget,
          };
    }
    case "grpc": {
      const http = grpcRoutes(kind.value.routes, judging(kind.value.failureAccrual), options);
      const tcp = firstOf(http);
      if (tcp === null) return null;
      return {
        protocol: "http2",
        detectTimeout: options.detectTimeout,
        http,
        grpc: true,
        tcp,
        parent,
        budget: defaultBudget,
      };
    }
    case "opaque":
    case "tls": {
      const tls = kind.case === "tls" ? tlsRoutes(kind.value.routes, options) : [];
      const tcp = tcpChoice(kind.value.routes, options);
      if (tcp === null) return null;
      const protocol = kind.case === "tls" ? "tls" : tcp.kind === "refuse" ? "forbidden" : "opaque";
      return {
        protocol,
        tls,
        detectTimeout: options.detectTimeout,
        http: [],
        grpc: false,
        tcp,
        tcpRef: tcpRef(kind.value.routes),
        parent,
        budget: defaultBudget,
      };
    }
    default:
      return null;
  }
}

function httpRoutes(routes: readonly HttpRoute[], judged: Judging, options: PlanOptions): PlannedRoute[] {
  return plannedRoutes(routes, "http", requestMatch, httpRetry, { ...options, judged });
}

function grpcRoutes(routes: readonly GrpcRoute[], judged: Judging, options: PlanOptions): PlannedRoute[] {
  return plannedRoutes(routes, "grpc", rpcMatch, grpcRetry, { ...options, judged });
}

interface RouteOptions extends PlanOptions {
  readonly judged: Judging;
}

/** What routes of HTTP and of gRPC have in common. */
interface RouteMessage<M, R> {
  readonly metadata?: Metadata | undefined;
  readonly hosts: HttpRoute["hosts"];
  readonly rules: ReadonlyArray<{
    readonly matches: readonly M[];
    readonly filters: readonly FilterMessage[];
    readonly backends?: DistributionMessage<BackendMessage> | undefined;
    readonly timeouts?: TimeoutsMessage | undefined;
    readonly requestTimeout?: Duration | undefined;
    readonly retry?: R | undefined;
    readonly allowL5dRequestHeaders?: boolean;
    readonly faults?: readonly FaultMessage[];
  }>;
}

function plannedRoutes<M, R>(
  routes: ReadonlyArray<RouteMessage<M, R>>,
  unnamed: string,
  match: (message: M) => RequestMatch,
  retry: (message: R) => RetryRule,
  options: RouteOptions,
): PlannedRoute[] {
  return routes.flatMap(({ metadata, hosts: hostMessages, rules }) => {
    const hosts = hostMatches(hostMessages);
    const ref = resourceRef(metadata) ?? defaultRef(unnamed);
    return rules.map((rule) => ({
      match: { hosts, requests: rule.matches.map(match) },
      ref,
      choice: routeChoice(rule.backends, options),
      filters: filters(rule.filters),
      mirrors: mirrors(rule.filters, options),
      overridable: rule.allowL5dRequestHeaders ?? false,
      faults: faults(rule.faults ?? []),
      timeouts: {
        request: milliseconds(rule.timeouts?.request ?? rule.requestTimeout, 0),
        response: milliseconds(rule.timeouts?.response, 0),
        idle: milliseconds(rule.timeouts?.idle, 0),
        attempt: 0,
      },
      retry: rule.retry === undefined ? null : retry(rule.retry),
      profile: null,
    }));
  });
}

function mirrors(messages: readonly FilterMessage[], options: RouteOptions): PlannedRoute["mirrors"] {
  return messages.flatMap(({ kind }) => {
    if (kind.case !== "requestMirror") return [];
    const plan = backendPlan(kind.value.backend, options, options.judged);
    return plan === null ? [] : [{ plan, ratio: ratioOf(kind.value.ratio) }];
  });
}

/** Like `choice`, with what is wrong kept in its place: its requests fail, and go to no other rule or backend. */
function routeChoice(distribution: DistributionMessage<BackendMessage> | undefined, options: RouteOptions): Choice {
  const kind = distribution?.kind;
  if (kind?.case === "firstAvailable" && kind.value.backends.length > 0) {
    const [first] = kind.value.backends.map((backend) => routeBackend(backend, 1, options));
    if (first !== undefined) return { kind: "backends", backends: [first] };
  }
  if (kind?.case === "randomAvailable") {
    const backends = kind.value.backends
      .filter(({ weight }) => weight > 0)
      .map(({ weight, backend }) => routeBackend(backend, weight, options));
    if (backends.length > 0) return { kind: "backends", backends };
  }
  return { kind: "refuse", cause: "unexpected", message: "The route has no backend" };
}

function routeBackend(message: BackendMessage | undefined, weight: number, options: RouteOptions): PlannedBackend {
  const found = backendPlan(message?.backend, options, options.judged);
  return {
    weight,
    plan: found ?? { kind: "refuse", cause: "unexpected", message: "The backend of the route is invalid" },
    ref: resourceRef(message?.backend?.metadata),
    filters: filters(message?.filters ?? []),
    timeout: milliseconds(message?.requestTimeout, 0),
  };
}

/** A rule that refuses keeps its names: their connections go nowhere else. */
function tlsRoutes(routes: readonly TlsRoute[], options: PlanOptions): PlannedTlsRoute[] {
  return routes.map((route) => {
    const found = tcpChoice([route], options);
    const invalid: Refusal = { kind: "refuse", cause: "unexpected", message: "The route has no backend" };
    const ref = resourceRef(route.metadata) ?? defaultRef("tls");
    return { ref, snis: sniMatches(route.snis), choice: found ?? invalid };
  });
}

/** The first one decides, as in {@link tcpChoice}. */
function tcpRef([first]: ReadonlyArray<OpaqueRoute | TlsRoute>): ResourceRef {
  return resourceRef(first?.metadata) ?? defaultRef("opaque");
}

function tcpChoice(routes: ReadonlyArray<OpaqueRoute | TlsRoute>, options: PlanOptions): Choice | null {
  for (const route of routes) {
    for (const rule of route.rules) {
      for (const { kind } of rule.filters) {
        if (kind.case === "forbidden") return { kind: "refuse", cause: "unauthorized", message: "Forbidden by policy" };
        if (kind.case === "invalid") return { kind: "refuse", cause: "unexpected", message: kind.value.message };
      }
      const found = choice(rule.backends, options);
      if (found !== null) return found;
    }
  }
  return null;
}

/** What the backends of all kinds of routes have in common */
interface BackendMessage {
  readonly backend?: Backend | undefined;
  readonly filters?: readonly FilterMessage[];
  readonly requestTimeout?: Duration | undefined;
}

/** What the three kinds of distribution (HTTP, opaque, TLS) have in common. */
interface DistributionMessage<B> {
  readonly kind:
    | { readonly case: "empty" }
    | {
        readonly case: "firstAvailable";
        readonly value: { readonly backends: readonly B[] };
      }
    | {
        readonly case: "randomAvailable";
        readonly value: {
          readonly backends: ReadonlyArray<{
            readonly weight: number;
            readonly backend?: B | undefined;
          }>;
        };
      }
    | { readonly case: undefined };
}

function choice(
  distribution: DistributionMessage<Pick<BackendMessage, "backend">> | undefined,
  options: PlanOptions,
): Choice | null {
  const kind = distribution?.kind;
  switch (kind?.case) {
    case "empty":
      return { kind: "refuse", cause: "unexpected", message: "The route has no backend" };
    case "firstAvailable": {
      const plan = kind.value.backends
        .map(({ backend }) => backendPlan(backend, options))
        .find((found) => found !== null);
      return plan === undefined || plan === null ? null : single(plan);
    }
    case "randomAvailable": {
      const backends: PlannedBackend[] = [];
      for (const { weight, backend } of kind.value.backends) {
        const plan = backendPlan(backend?.backend, options);
        if (plan !== null && weight > 0) backends.push(planned(plan, weight));
      }
      return backends.length === 0 ? null : { kind: "backends", backends };
    }
    default:
      return null;
  }
}

function backendPlan(
  backend: Backend | undefined,
  options: PlanOptions,
  judged: Judging = notJudged,
): BackendPlan | null {
  const kind = backend?.kind;
  switch (kind?.case) {
    case "forward": {
      const info = endpointInfo(kind.value, {}, options);
      return info === null ? null : { kind: "forward", info, authority: "" };
    }
    case "balancer": {
      const path = kind.value.discovery?.kind.case === "dst" ? kind.value.discovery.kind.value.path : "";
      if (path === "") return null;
      const { capacity = 0, failfastTimeout } = backend?.queue ?? {};
      const queue = capacity === 0 ? null : { capacity, failfastTimeout: milliseconds(failfastTimeout, 3000) };
      return {
        kind: "balancer",
        path,
        ref: resourceRef(backend?.metadata) ?? serviceRef(path),
        queue,
        balancing: balancing(kind.value, judged),
      };
    }
    default:
      return null;
  }
}

function fromChoice(protocol: OutboundProtocol, detectTimeout: number, tcp: Choice, parent: ResourceRef): OutboundPlan {
  return {
    protocol,
    detectTimeout,
    http: [
      {
        match: anything,
        ref: defaultRef("http"),
        choice: tcp,
        filters: [],
        mirrors: [],
        overridable: false,
        faults: [],
        timeouts: noTimeouts,
        retry: null,
        profile: null,
      },
    ],
    grpc: false,
    tcp,
    parent,
    budget: defaultBudget,
  };
}

const balancer = (path: string): BackendPlan => ({
  kind: "balancer",
  path,
  ref: serviceRef(path),
  queue: null,
  balancing: plainBalancing,
});

const single = (plan: BackendPlan): Choice => ({ kind: "backends", backends: [planned(plan, 1)] });

function planned(plan: BackendPlan, weight: number): PlannedBackend {
  return { weight, plan, ref: plan.kind === "balancer" ? plan.ref : null, filters: [], timeout: 0 };
}

/** For bytes, which can't be told apart: where the first route's requests go, if they go anywhere. */
function firstOf(routes: readonly PlannedRoute[]): Choice | null {
  const [first] = routes;
  if (first?.filters.some(({ kind }) => kind === "failure" || kind === "redirect"))
    return { kind: "refuse", cause: "unauthorized", message: "The first route answers by itself" };
  return first?.choice ?? null;
}

function plainEndpoint(addr: SocketAddr): EndpointInfo {
  return { addr, tls: null, transportPort: null, authorityOverride: null, weight: defaultWeight, labels: {} };
}

/** Backends with the same key are the same. A balancer belongs to one parent: its metrics name both. */
export function backendKey(plan: BackendPlan, parent: ResourceRef): string {
  if (plan.kind === "balancer") {
    const { path, queue, balancing: how } = plan;
    const chosen = Bun.deepEquals(how, plainBalancing) ? "" : JSON.stringify(how);
    return `${path} ${queue?.capacity ?? ""} ${queue?.failfastTimeout ?? ""} ${chosen} ${Object.values(parent).join("/")}`;
  }
  const { addr, tls, transportPort, authorityOverride, refusal } = plan.info;
  return `=${formatSocketAddr(addr)} ${tls?.identity ?? ""} ${transportPort ?? ""} ${authorityOverride ?? ""} ${refusal ?? ""} ${plan.authority}`;
}
