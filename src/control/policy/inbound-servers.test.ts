import { describe, expect, test } from "bun:test";
import { formatIp, parseCidrs } from "#lib/net-addr.ts";
import { serverMessage } from "../api/inbound-message.ts";
import { pod } from "../testing/builders.ts";
import { policyObject } from "../testing/policy-objects.ts";
import { type PolicyObject, TestCluster } from "../testing/test-cluster.ts";
import { type InboundSettings, watchInbound } from "./inbound.ts";
import type { Authorization, InboundPolicy } from "./inbound-policy.ts";

const settings: InboundSettings = {
  trustDomain: "cluster.local",
  controlPlaneNamespace: "linkerd",
  defaultPolicy: "all-unauthenticated",
  clusterNetworks: parseCidrs("10.0.0.0/8"),
  probeNetworks: parseCidrs("0.0.0.0/0"),
  defaultOpaquePorts: [],
};
const probe = { httpGet: { path: "/live", port: 8080 } };
const containers = [{ name: "app", ports: [{ name: "http", containerPort: 8080 }], livenessProbe: probe }];
const id = (account: string, namespace = "web"): string =>
  `${account}.${namespace}.serviceaccount.identity.linkerd.cluster.local`;

function world(...objects: PolicyObject[]): TestCluster {
  return new TestCluster()
    .pods(pod({ name: "a", ip: "10.0.0.1", labels: { app: "a" }, containers }))
    .policies(...objects);
}

function inbound(cluster: TestCluster, port = 8080): InboundPolicy {
  const policy = watchInbound(cluster.index, settings, { namespace: "web", pod: "a", port }).value.get();
  if (policy === null) throw new Error("no policy");
  // Whatever comes out must have a form on the wire.
  serverMessage(policy);
  return policy;
}

/** "who @ where" in short. */
function told({ clients, networks, origin }: Authorization): string {
  const who =
    clients.kind === "identities"
      ? [...clients.names, ...clients.suffixes.map((suffix) => `*.${suffix}`)].join(",")
      : clients.kind;
  const where = networks.map(({ net, except }) =>
    [net, ...except].map(({ bytes, prefix }) => `${formatIp(bytes)}/${prefix}`).join("!"),
  );
  return `${origin.kind} ${origin.name}: ${who} @ ${where.join(" ")}`;
}
const everywhere = "0.0.0.0/0 ::/0";

const server = (spec = "{podSelector: {matchLabels: {app: a}}, port: http}") => policyObject("Server", "srv", spec);

describe("A Server", () => {
  test("takes the place of the default policy for the port that it names, and denies what nothing permits", () => {
    const cluster = world(server());
    expect(inbound(cluster)).toMatchObject({
      origin: { group: "policy.linkerd.io", kind: "server", name: "srv" },
      authorizations: [],
    });
    expect(inbound(cluster, 8081).origin.name).toBe("all-unauthenticated");
  });

  test.each([
    ["{podSelector: {}, port: 8080}", "srv"],
    ["{podSelector: {matchExpressions: [{key: app, operator: In, values: [a, b]}]}, port: 8080}", "srv"],
    ["{podSelector: {matchLabels: {app: b}}, port: 8080}", "all-unauthenticated"],
    ["{podSelector: {}, port: other}", "all-unauthenticated"],
    ["{externalWorkloadSelector: {}, port: 8080}", "all-unauthenticated"],
  ])("%s leads to %s", (spec, name) => {
    expect(inbound(world(server(spec))).origin.name).toBe(name);
  });

  test("of another namespace is nobody's here", () => {
    const other = policyObject("Server", "srv", "{podSelector: {}, port: 8080}", { namespace: "other" });
    expect(inbound(world(other)).origin.kind).toBe("default");
  });

  test("that is older wins over another one for the same port", () => {
    const spec = "{podSelector: {}, port: 8080}";
    const young = policyObject("Server", "aaa", spec, { created: "2026-02-01T00:00:00Z" });
    expect(inbound(world(young, server(spec))).origin.name).toBe("srv");
  });

  test.each([
    ["opaque", "opaque"],
    ["TLS", "tls"],
    ["HTTP/1", "http1"],
    ["HTTP/2", "http2"],
    ["gRPC", "grpc"],
    ["unknown", "detect"],
  ])("of protocol %s is %s", (proxyProtocol, kind) => {
    const spec = `{podSelector: {}, port: 8080, proxyProtocol: ${proxyProtocol}}`;
    expect(inbound(world(server(spec))).protocol.kind).toBe(kind as never);
  });

  test("with an access policy permits that too", () => {
    const spec = "{podSelector: {}, port: 8080, accessPolicy: cluster-authenticated}";
    expect(inbound(world(server(spec))).authorizations.map(told)).toEqual([
      "default cluster-authenticated: any-identity @ 10.0.0.0/8",
    ]);
  });

  test("whose rest can't be read still closes its port", () => {
    const odd = server("{podSelector: {}, port: 8080, proxyProtocol: Morse, accessPolicy: everybody}");
    expect(inbound(world(odd))).toMatchObject({ protocol: { kind: "detect" }, authorizations: [] });
  });

  test.each([
    ["{matchLabels: {app: a}, matchExpressions: [{key: tier, operator: In}]}", "srv"],
    ["{matchLabels: {app: a}, matchExpressions: [{key: tier, operator: Near, values: [x]}, null]}", "srv"],
    ["{matchLabels: {app: a, tier: 1}}", "srv"],
    ["{matchLabels: {app: a, tier: 1}, matchExpressions: null}", "srv"],
    // Another part of the namespace is not its business all the same.
    ["{matchLabels: {app: b}, matchExpressions: [{key: tier, operator: In}]}", "all-unauthenticated"],
  ])("whose selector can't be read in full closes its port where the rest of it selects: %s", (selector, name) => {
    const odd = server(`{podSelector: ${selector}, port: 8080, accessPolicy: all-unauthenticated}`);
    const policy = inbound(world(odd));
    expect(policy.origin.name).toBe(name);
    if (name === "srv") expect(policy.authorizations).toEqual([]);
  });

  test("whose selector can't be read at all is refused, and the log tells", () => {
    const odd = server("{podSelector: {matchExpressions: [{key: tier, operator: In}]}, port: 8080}");
    expect(() => world(odd)).toThrow('"In" needs values');
  });

  test("that names a port means every port of that name, those of sidecars too", () => {
    const ports = (containerPort: number) => [{ name: "http", containerPort }];
    const cluster = new TestCluster()
      .pods(
        pod({
          name: "a",
          labels: { app: "a" },
          initContainers: [{ name: "sidecar", restartPolicy: "Always", ports: ports(8083) }],
          containers: [
            { name: "one", ports: ports(8080) },
            { name: "two", ports: ports(8081) },
          ],
        }),
      )
      .policies(server());
    const names = [8080, 8081, 8083, 8084].map((port) => inbound(cluster, port).origin.name);
    expect(names).toEqual(["srv", "srv", "srv", "all-unauthenticated"]);
  });

  test("comes and goes while it is watched", () => {
    const cluster = world();
    const lease = watchInbound(cluster.index, settings, { namespace: "web", pod: "a", port: 8080 });
    const names: string[] = [];
    lease.value.watch((policy) => names.push(policy?.origin.name ?? ""));
    cluster.policies(server()).settle();
    cluster.index.policy.servers.delete("web", "srv");
    cluster.settle();
    expect(names).toEqual(["srv", "all-unauthenticated"]);
  });
});

describe("Authorizations of a Server", () => {
  const authz = (spec: string) => policyObject("ServerAuthorization", "saz", spec);
  test.each([
    ["{server: {name: srv}, client: {unauthenticated: true}}", `any @ ${everywhere}`],
    // An empty list is no networks; only where there is none does everywhere count.
    ["{server: {name: srv}, client: {unauthenticated: true, networks: []}}", "any @ "],
    ["{server: {name: srv}, client: {meshTLS: {unauthenticatedTLS: true}}}", `any-tls @ ${everywhere}`],
    ["{server: {name: srv}, client: {meshTLS: {identities: ['*']}}}", `*. @ ${everywhere}`],
    ["{server: {name: srv}, client: {meshTLS: {identities: ['*.web.x', b.x]}}}", `b.x,*.web.x @ ${everywhere}`],
    [
      "{server: {name: srv}, client: {meshTLS: {serviceAccounts: [{name: c}, {name: d, namespace: other}]}}}",
      `${id("c")},${id("d", "other")} @ ${everywhere}`,
    ],
    [
      "{server: {name: srv}, client: {unauthenticated: true, networks: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}]}}",
      "any @ 10.0.0.0/8!10.1.0.0/16",
    ],
    ["{server: {name: srv}, client: {}}", ` @ ${everywhere}`],
    ["{server: {selector: {matchLabels: {tier: front}}}, client: {unauthenticated: true}}", `any @ ${everywhere}`],
    ["{server: {selector: {matchLabels: {tier: back}}}, client: {unauthenticated: true}}", null],
    ["{server: {name: other}, client: {unauthenticated: true}}", null],
  ])("ServerAuthorization %s", (spec, expected) => {
    const labelled = policyObject("Server", "srv", "{podSelector: {}, port: 8080}", { labels: { tier: "front" } });
    const found = inbound(world(labelled, authz(spec))).authorizations.map(told);
    expect(found).toEqual(expected === null ? [] : [`serverauthorization saz: ${expected}`]);
  });

  const group = "group: policy.linkerd.io";
  const policy = (target: string, refs: string, name = "pol") =>
    policyObject("AuthorizationPolicy", name, `{targetRef: ${target}, requiredAuthenticationRefs: ${refs}}`);
  const toServer = `{${group}, kind: Server, name: srv}`;
  const networks = policyObject("NetworkAuthentication", "net", "networks: [{cidr: 10.0.0.0/8}]");
  const mtls = policyObject("MeshTLSAuthentication", "ids", "identityRefs: [{kind: ServiceAccount, name: c}]");
  const mtlsOfNamespace = policyObject("MeshTLSAuthentication", "ns", "identityRefs: [{kind: Namespace, name: other}]");
  const everyone = policyObject("MeshTLSAuthentication", "all", "identities: ['*']");

  test.each([
    [toServer, "[]", `any @ ${everywhere}`],
    ["{kind: Namespace, name: web}", "[]", `any @ ${everywhere}`],
    [toServer, `[{${group}, kind: NetworkAuthentication, name: net}]`, "any @ 10.0.0.0/8"],
    [toServer, `[{${group}, kind: MeshTLSAuthentication, name: ids}]`, `${id("c")} @ ${everywhere}`],
    [
      toServer,
      `[{${group}, kind: MeshTLSAuthentication, name: ns}, {${group}, kind: NetworkAuthentication, name: net}]`,
      "*.other.serviceaccount.identity.linkerd.cluster.local @ 10.0.0.0/8",
    ],
    [toServer, `[{${group}, kind: MeshTLSAuthentication, name: all}]`, `*. @ ${everywhere}`],
    [toServer, "[{kind: ServiceAccount, name: d, namespace: other}]", `${id("d", "other")} @ ${everywhere}`],
    // A client must be both.
    [
      "{kind: Server, name: srv}",
      "[{kind: MeshTLSAuthentication, name: all}, {kind: ServiceAccount, name: d}]",
      `${id("d")} @ ${everywhere}`,
    ],
    [
      toServer,
      "[{kind: MeshTLSAuthentication, name: ns}, {kind: ServiceAccount, name: d, namespace: other}]",
      `${id("d", "other")} @ ${everywhere}`,
    ],
    [toServer, "[{kind: MeshTLSAuthentication, name: ids}, {kind: ServiceAccount, name: d}]", ` @ ${everywhere}`],
    // What is not there permits nobody.
    [toServer, `[{${group}, kind: MeshTLSAuthentication, name: gone}]`, null],
    [
      toServer,
      `[{${group}, kind: MeshTLSAuthentication, name: ids}, {${group}, kind: NetworkAuthentication, name: gone}]`,
      null,
    ],
    [toServer, `[{${group}, kind: NetworkAuthentication, name: net, namespace: other}]`, null],
    [`{${group}, kind: Server, name: other}`, "[]", null],
    [`{${group}, kind: HTTPRoute, name: srv}`, "[]", null],
  ])("AuthorizationPolicy for %s with %s", (target, refs, expected) => {
    const cluster = world(server(), networks, mtls, mtlsOfNamespace, everyone, policy(target, refs));
    const found = inbound(cluster).authorizations.map(told);
    expect(found).toEqual(expected === null ? [] : [`authorizationpolicy pol: ${expected}`]);
  });

  test("follow an authentication that comes later, and its end", () => {
    const cluster = world(server(), policy(toServer, `[{${group}, kind: MeshTLSAuthentication, name: ids}]`));
    const lease = watchInbound(cluster.index, settings, { namespace: "web", pod: "a", port: 8080 });
    const counts: number[] = [];
    lease.value.watch((value) => counts.push(value?.authorizations.length ?? -1));
    cluster.policies(mtls).settle();
    cluster.index.policy.meshTls.delete("web", "ids");
    cluster.settle();
    expect(counts).toEqual([1, 0]);
  });
});

describe("Routes of a Server", () => {
  const parent = "parentRefs: [{group: policy.linkerd.io, kind: Server, name: srv}]";
  const route = (rules: string, name = "route", more = {}) =>
    policyObject("HTTPRoute", name, `{${parent}, rules: ${rules}}`, more);
  const routesOf = (cluster: TestCluster) => {
    const { protocol } = inbound(cluster);
    return "routes" in protocol ? protocol.routes : [];
  };

  test("are the default one and probes where there are none, and only the written ones where there are", () => {
    expect(routesOf(world(server())).map(({ origin }) => origin.name)).toEqual(["probe", "default"]);
    const cluster = world(server(), route("[{matches: [{path: {value: /api}, method: GET}]}]"));
    expect(routesOf(cluster)).toMatchObject([
      {
        origin: { group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "route" },
        rules: [{ matches: [{ path: { kind: "prefix", value: "/api" }, method: "GET" }] }],
      },
    ]);
  });

  test("have their own permissions", () => {
    const target = "{group: gateway.networking.k8s.io, kind: HTTPRoute, name: route}";
    const policy = policyObject(
      "AuthorizationPolicy",
      "pol",
      `{targetRef: ${target}, requiredAuthenticationRefs: [{kind: ServiceAccount, name: c}]}`,
    );
    const cluster = world(server(), route("[{}]"), route("[{}]", "other"), policy);
    expect(inbound(cluster).authorizations).toEqual([]);
    const permissions = routesOf(cluster).map(({ origin, authorizations }) => [origin.name, authorizations.map(told)]);
    expect(permissions).toEqual([
      ["other", []],
      ["route", [`authorizationpolicy pol: ${id("c")} @ ${everywhere}`]],
    ]);
  });

  test("of another namespace are nobody's here, whatever they and their policies say", () => {
    const foreign = { namespace: "evil" };
    const parents = "parentRefs: [{group: policy.linkerd.io, kind: Server, name: srv, namespace: web}]";
    const stolen = policyObject("HTTPRoute", "stolen", `{${parents}, rules: [{}]}`, foreign);
    const stolenRpc = policyObject("GRPCRoute", "stolen", `{${parents}, rules: [{}]}`, foreign);
    const open = (kind: string) =>
      policyObject(
        "AuthorizationPolicy",
        `open-${kind}`,
        `{targetRef: {group: gateway.networking.k8s.io, kind: ${kind}, name: stolen}, requiredAuthenticationRefs: []}`,
        foreign,
      );
    expect(routesOf(world(server(), stolen, open("HTTPRoute"))).map(({ origin }) => origin.name)).toEqual([
      "probe",
      "default",
    ]);
    const rpc = server("{podSelector: {}, port: 8080, proxyProtocol: gRPC}");
    expect(routesOf(world(rpc, stolenRpc, open("GRPCRoute"))).map(({ origin }) => origin.name)).toEqual(["default"]);
  });

  test("are of both groups, the older first", () => {
    const own = route("[{}]", "own", { apiVersion: "policy.linkerd.io/v1beta3", created: "2025-01-01T00:00:00Z" });
    const names = routesOf(world(server(), route("[{}]"), own)).map(({ origin }) => `${origin.group} ${origin.name}`);
    expect(names).toEqual(["policy.linkerd.io own", "gateway.networking.k8s.io route"]);
  });

  test("with a filter that is not supported fail, instead of leaving it out", () => {
    const cluster = world(server(), route("[{filters: [{type: CORS}]}]"));
    expect(routesOf(cluster)[0]?.rules[0]?.filters).toEqual([
      { kind: "failure", status: 500, message: "The route's filter CORS is not supported" },
    ]);
  });

  test("that can't be understood fail what they are about, instead of opening it", () => {
    const [probes, closed, ...none] = routesOf(world(server(), route("[{matches: [{path: {value: no-slash}}]}]")));
    expect([probes?.origin.name, none]).toEqual(["probe", []]);
    expect(closed).toMatchObject({
      origin: { name: "route" },
      authorizations: [],
      rules: [
        {
          matches: [{ path: { kind: "prefix", value: "/" }, method: null }],
          filters: [{ kind: "failure", status: 500, message: 'The route "route" is not valid' }],
        },
      ],
    });
    // Beside others it keeps to its own part, so that a wider one does not get it.
    const broken = route("[{matches: [{path: {value: /admin}}], timeouts: {request: soon}}]", "broken");
    expect(routesOf(world(server(), route("[{}]"), broken))).toMatchObject([
      { origin: { name: "route" }, rules: [{ filters: [] }] },
      {
        origin: { name: "broken" },
        rules: [{ matches: [{ path: { kind: "prefix", value: "/admin" } }], filters: [{ kind: "failure" }] }],
      },
    ]);
    // An expression that no proxy understands, too: without a word it would match nothing.
    const backtracking = route("[{matches: [{path: {type: RegularExpression, value: '/(?=a)'}}]}]", "broken");
    expect(routesOf(world(server(), route("[{matches: [{path: {value: /a}}]}]"), backtracking))).toMatchObject([
      { origin: { name: "route" }, rules: [{ filters: [] }] },
      {
        origin: { name: "broken" },
        rules: [{ matches: [{ path: { kind: "prefix", value: "/" } }], filters: [{ kind: "failure" }] }],
      },
    ]);
    const rpc = policyObject(
      "GRPCRoute",
      "rpc",
      `{${parent}, rules: [{matches: [{method: {service: a.B}}], backendRefs: [{name: 1}]}]}`,
    );
    expect(routesOf(world(server("{podSelector: {}, port: 8080, proxyProtocol: gRPC}"), rpc))).toMatchObject([
      { rules: [{ matches: [{ service: "a.B", method: null }], filters: [{ kind: "failure" }] }] },
    ]);
  });

  test("of gRPC count where the Server says so", () => {
    const grpc = policyObject(
      "GRPCRoute",
      "rpc",
      `{${parent}, rules: [{matches: [{method: {service: emoji.v1.Emoji, method: List}}]}]}`,
    );
    const spec = "{podSelector: {}, port: 8080, proxyProtocol: gRPC}";
    expect(routesOf(world(server(spec), grpc))).toMatchObject([
      { origin: { kind: "GRPCRoute" }, rules: [{ matches: [{ service: "emoji.v1.Emoji", method: "List" }] }] },
    ]);
    const like = policyObject(
      "GRPCRoute",
      "rpc",
      `{${parent}, rules: [{matches: [{method: {type: RegularExpression, service: "emoji.*"}}]}]}`,
    );
    expect(routesOf(world(server(spec), like))).toMatchObject([
      { rules: [{ matches: [{ kind: "regex", service: "emoji.*", method: null }] }] },
    ]);
    expect(routesOf(world(server(spec)))).toMatchObject([{ origin: { name: "default" } }]);
  });
});

describe("HTTPLocalRateLimitPolicy", () => {
  const limit = (name: string, total: number, created: string) =>
    policyObject(
      "HTTPLocalRateLimitPolicy",
      name,
      `{targetRef: {group: policy.linkerd.io, kind: Server, name: srv}, total: {requestsPerSecond: ${total}}, overrides: [{requestsPerSecond: 5, clientRefs: [{kind: ServiceAccount, name: c}]}]}`,
      { created },
    );
  test("limits its Server; of two the older counts", () => {
    const cluster = world(
      server(),
      limit("young", 10, "2026-02-01T00:00:00Z"),
      limit("old", 20, "2026-01-01T00:00:00Z"),
    );
    expect(inbound(cluster).rateLimit).toEqual({
      origin: { group: "policy.linkerd.io", kind: "httplocalratelimitpolicy", name: "old" },
      total: 20,
      identity: null,
      overrides: [{ limit: 5, names: [id("c")] }],
    });
  });

  const target = "targetRef: {group: policy.linkerd.io, kind: Server, name: srv}";
  const rest = (spec: string) => policyObject("HTTPLocalRateLimitPolicy", "broken", `{${target}, ${spec}}`);
  test.each([
    // More for one client than for all: the total still holds.
    ["total: {requestsPerSecond: 10}, identity: {requestsPerSecond: 20}", { total: 10, identity: 20, overrides: [] }],
    [
      "total: {requestsPerSecond: 10}, identity: {requestsPerSecond: many}",
      { total: 10, identity: null, overrides: [] },
    ],
    [
      "total: {requestsPerSecond: 10}, overrides: [{requestsPerSecond: 5, clientRefs: [{kind: Pod, name: x}, {kind: ServiceAccount, name: c}]}, {requestsPerSecond: 0, clientRefs: []}]",
      { total: 10, identity: null, overrides: [{ limit: 5, names: [id("c")] }] },
    ],
  ])("with a mistake limits as far as it can be read: %s", (spec, expected) => {
    expect(inbound(world(server(), rest(spec))).rateLimit).toMatchObject(expected);
  });
  test("of which nothing can be read is refused", () => {
    expect(() => world(rest("total: {requestsPerSecond: 0}"))).toThrow("is not a whole number from 1 to 4294967295");
  });
  test("with a mistake counts less than one without, whatever their age", () => {
    const broken = rest("total: {requestsPerSecond: 10}, identity: {requestsPerSecond: 20}");
    const cluster = world(server(), broken, limit("young", 30, "2026-02-01T00:00:00Z"));
    expect(inbound(cluster).rateLimit?.origin.name).toBe("young");
  });
});
