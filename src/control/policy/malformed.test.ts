/**
 * Objects of forms that the CRDs' schemas exclude: stored under an earlier version of a CRD, or by a write past it. Every
 * place of an object of each kind is broken in turn. Nothing may throw on the way to the wire, and what forbids something
 * must go on doing so as long as it says what it is about.
 */
import { expect, test } from "bun:test";
import { parseCidrs } from "#lib/net-addr.ts";
import { MeshError } from "#lib/errors.ts";
import { ServerSchema } from "#rpc/gen/inbound_pb.ts";
import { OutboundPolicySchema } from "#rpc/gen/outbound_pb.ts";
import { toBinary } from "#rpc/protobuf/binary.ts";
import { serverMessage } from "../api/inbound-message.ts";
import { outboundMessage } from "../api/outbound-message.ts";
import { parseAuthority } from "../destination/authority.ts";
import { pod, service } from "../testing/builders.ts";
import { policyObject } from "../testing/policy-objects.ts";
import { type PolicyObject, TestCluster } from "../testing/test-cluster.ts";
import { type InboundSettings, inboundPolicy } from "./inbound.ts";
import type { InboundPolicy } from "./inbound-policy.ts";
import { type OutboundPolicy, outboundPolicy } from "./outbound.ts";

const settings: InboundSettings = {
  trustDomain: "cluster.local",
  controlPlaneNamespace: "linkerd",
  defaultPolicy: "all-unauthenticated",
  clusterNetworks: parseCidrs("10.0.0.0/8"),
  probeNetworks: [],
  defaultOpaquePorts: [],
};

const wrong: readonly unknown[] = [null, 5, "constructor", {}, [null], [{}]];

type Path = ReadonlyArray<string | number>;

/** The place of everything in a value. */
function* places(value: unknown, at: Path = []): Generator<Path> {
  yield at;
  if (typeof value !== "object" || value === null) return;
  for (const [key, member] of Object.entries(value)) yield* places(member, [...at, Array.isArray(value) ? +key : key]);
}

function withAt(value: unknown, [first, ...rest]: Path, replacement: unknown): unknown {
  if (first === undefined) return replacement;
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) => (index === first ? withAt(item, rest, replacement) : item));
  }
  const members = value as Record<string, unknown>;
  return { ...members, [first]: withAt(members[first], rest, replacement) };
}

interface Outcome {
  readonly inbound: InboundPolicy;
  /** To the Service, and to an address outside of the cluster. */
  readonly outbound: readonly OutboundPolicy[];
}

/** What comes out of a cluster with the objects, all the way to the wire. An object that says nothing usable is left out. */
function outcome(objects: readonly PolicyObject[], broken: PolicyObject): Outcome {
  const app = pod({ name: "a", ip: "10.0.0.1", labels: { app: "a" } });
  const cluster = new TestCluster()
    .pods(app)
    .services(service({ name: "api", ip: "10.96.0.1" }))
    .policies(...objects);
  try {
    cluster.policies(broken);
  } catch (thrown) {
    if (!(thrown instanceof MeshError) || thrown.code !== "invalid-argument") throw thrown;
  }
  const { index } = cluster;
  const workload = index.pod("web", "a", () => {});
  if (workload === undefined) throw new Error("no pod");
  const inbound = inboundPolicy(index, settings, workload, 8080, () => {});
  toBinary(ServerSchema, serverMessage(inbound));
  const { clusterNetworks } = settings;
  const outbound = ["10.96.0.1:80", "1.2.3.4:443"].map((address) => {
    const own = { ...cluster.settings, clusterNetworks, globalEgressNamespace: "linkerd-egress" };
    const policy = outboundPolicy(index, own, parseAuthority(address, "cluster.local"), "web", () => {});
    const message = outboundMessage(policy, "");
    if (message !== null) toBinary(OutboundPolicySchema, message);
    return policy;
  });
  return { inbound, outbound };
}

const filters = `[
  {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}], add: [{name: a, value: b}], remove: [c]}},
  {type: RequestRedirect, requestRedirect: {scheme: https, hostname: h, port: 1, statusCode: 301, path: {type: ReplaceFullPath, replaceFullPath: /a}}},
  {type: URLRewrite, urlRewrite: {hostname: h, path: {type: ReplacePrefixMatch, replacePrefixMatch: /a}}},
  {type: RequestMirror, requestMirror: {backendRef: {group: '', kind: Service, namespace: web, name: api, port: 80}, fraction: {numerator: 1, denominator: 2}}}]`;
const backend = "{group: '', kind: Service, namespace: web, name: api, port: 80, weight: 1";
const httpRoute = (parent: string): string => `{parentRefs: [${parent}], hostnames: [a.b], rules: [{
  matches: [{path: {type: PathPrefix, value: /admin}, method: GET, headers: [{type: Exact, name: a, value: b}], queryParams: [{type: Exact, name: a, value: b}]}],
  filters: ${filters}, timeouts: {request: 1s, backendRequest: 1s},
  backendRefs: [${backend}, filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: a, value: b}]}}]}]}]}`;
const grpcRoute = (parent: string): string => `{parentRefs: [${parent}], hostnames: [a.b], rules: [{
  matches: [{method: {type: Exact, service: a.B, method: C}, headers: [{type: Exact, name: a, value: b}]}],
  filters: ${filters}, backendRefs: [${backend}, filters: [{type: RequestMirror, requestMirror: {backendRef: {name: api, port: 80}, percent: 5}}]}]}]}`;
const toServer = "{group: policy.linkerd.io, kind: Server, name: srv, namespace: web}";
const toService = "{group: core, kind: Service, name: api, namespace: web, port: 80}";
const streamRoute = `{parentRefs: [${toService}], hostnames: [a.b], rules: [{backendRefs: [${backend}}]}]}`;

function server(protocol: string): PolicyObject {
  const selector = "{matchLabels: {app: a}, matchExpressions: [{key: app, operator: In, values: [a]}]}";
  return policyObject(
    "Server",
    "srv",
    `{podSelector: ${selector}, port: 8080, proxyProtocol: ${protocol}, accessPolicy: deny}`,
  );
}
const http = server("HTTP/1");
const policyFor = (...references: string[]): PolicyObject =>
  policyObject(
    "AuthorizationPolicy",
    "p",
    `{targetRef: {group: policy.linkerd.io, kind: Server, name: srv}, requiredAuthenticationRefs: [${references.join(", ")}]}`,
  );
const tlsRef = "{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: m, namespace: web}";
const netRef = "{group: policy.linkerd.io, kind: NetworkAuthentication, name: n}";
const tls = policyObject("MeshTLSAuthentication", "m", "{identities: [a.b, '*.c']}");
const net = policyObject("NetworkAuthentication", "n", "{networks: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}]}");

/** Routes of the Server, valid or failing. */
function hasRoute({ inbound: { protocol } }: Outcome): boolean {
  return "routes" in protocol && protocol.routes.some(({ origin }) => origin.name === "route");
}

/** Nobody without an identity, and from nowhere else than said. */
function permitsNoMore({ inbound }: Outcome): boolean {
  const { origin, authorizations } = inbound;
  return origin.name === "srv" && authorizations.every(({ clients }) => clients.kind === "identities");
}

/** A kind, with what must hold whatever is broken in it outside of `about`, where it says what it is about. */
const kinds: ReadonlyArray<{
  readonly object: PolicyObject;
  readonly others?: readonly PolicyObject[];
  readonly about: readonly string[];
  readonly holds: (outcome: Outcome) => boolean;
}> = [
  { object: http, about: ["podSelector", "port"], holds: ({ inbound }) => inbound.origin.name === "srv" },
  {
    object: policyObject("HTTPRoute", "route", httpRoute(toServer)),
    others: [http],
    about: ["parentRefs"],
    holds: hasRoute,
  },
  {
    object: policyObject("HTTPRoute", "route", httpRoute(toServer), { apiVersion: "policy.linkerd.io/v1beta3" }),
    others: [http],
    about: ["parentRefs"],
    holds: hasRoute,
  },
  {
    object: policyObject("GRPCRoute", "route", grpcRoute(toServer)),
    others: [server("gRPC")],
    about: ["parentRefs"],
    holds: hasRoute,
  },
  ...[
    policyObject("HTTPRoute", "route", httpRoute(toService)),
    policyObject("GRPCRoute", "route", grpcRoute(toService)),
    policyObject("TLSRoute", "route", streamRoute),
    policyObject("TCPRoute", "route", streamRoute),
  ].map((object) => ({
    object,
    about: [],
    holds: ({ outbound }: Outcome) => outbound[0]?.kind === "service",
  })),
  {
    object: policyObject(
      "HTTPLocalRateLimitPolicy",
      "limit",
      `{targetRef: {group: policy.linkerd.io, kind: Server, name: srv}, total: {requestsPerSecond: 100}, identity: {requestsPerSecond: 10},
        overrides: [{requestsPerSecond: 20, clientRefs: [{kind: ServiceAccount, namespace: web, name: x}]}]}`,
    ),
    others: [http],
    about: ["targetRef"],
    holds: ({ inbound }) => inbound.rateLimit !== null,
  },
  {
    object: policyObject(
      "EgressNetwork",
      "egress",
      "{trafficPolicy: Deny, networks: [{cidr: 1.0.0.0/8, except: [1.1.0.0/16]}]}",
    ),
    about: ["networks"],
    holds: ({ outbound }) => outbound[1]?.kind === "egress" && !outbound[1].allow,
  },
  {
    object: policyObject(
      "ServerAuthorization",
      "permit",
      `{server: {name: srv}, client: {networks: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}],
        meshTLS: {identities: [a.b], serviceAccounts: [{name: x, namespace: web}]}}}`,
    ),
    others: [http],
    about: [],
    holds: permitsNoMore,
  },
  {
    object: policyObject(
      "ServerAuthorization",
      "permit",
      "{server: {selector: {matchLabels: {app: a}}}, client: {unauthenticated: false, meshTLS: {unauthenticatedTLS: false, identities: [a.b]}}}",
    ),
    others: [http],
    about: [],
    holds: permitsNoMore,
  },
  { object: policyFor(tlsRef, netRef), others: [http, tls, net], about: [], holds: permitsNoMore },
  { object: tls, others: [http, policyFor(tlsRef)], about: [], holds: permitsNoMore },
  {
    object: policyObject(
      "MeshTLSAuthentication",
      "m",
      "{identityRefs: [{kind: ServiceAccount, name: x, namespace: web}, {kind: Namespace, name: web}]}",
    ),
    others: [http, policyFor(tlsRef)],
    about: [],
    holds: permitsNoMore,
  },
  {
    object: net,
    others: [http, policyFor(netRef)],
    about: [],
    holds: ({ inbound }) =>
      inbound.authorizations.every(({ networks }) => networks.every(({ net: { prefix } }) => prefix === 8)),
  },
];

test.each(kinds.map((row) => [`${row.object.apiVersion} ${row.object.kind}`, row] as const))(
  "%s with a form that the schema excludes is closed for its own part, and nothing throws",
  (_, { object, others = [], about, holds }) => {
    expect(holds(outcome(others, object))).toBe(true);
    const open: string[] = [];
    for (const place of places(object.spec)) {
      for (const replacement of wrong) {
        const broken = { ...object, spec: withAt(object.spec, place, replacement) };
        const named = place.length === 0 || about.includes(String(place[0]));
        const told = `${place.join(".")} = ${JSON.stringify(replacement)}`;
        try {
          if (!holds(outcome(others, broken)) && !(named && about.length > 0)) open.push(told);
        } catch (thrown) {
          open.push(`${told}: ${String(thrown)}`);
        }
      }
    }
    expect(open).toEqual([]);
  },
);
