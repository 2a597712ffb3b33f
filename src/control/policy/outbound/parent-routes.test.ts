import { describe, expect, test } from "bun:test";
import { parseCidrs } from "#lib/net-addr.ts";
import { outboundMessage } from "../../api/outbound-message.ts";
import { parseAuthority } from "../../destination/authority.ts";
import { service } from "../../testing/builders.ts";
import { policyObject } from "../../testing/policy-objects.ts";
import { type PolicyObject, TestCluster } from "../../testing/test-cluster.ts";
import { type OutboundPolicy, watchOutbound } from "../outbound.ts";
import type { OutboundRoute } from "./parent-routes.ts";

type ServicePolicy = Extract<OutboundPolicy, { kind: "service" }>;

function world(annotations: Record<string, string>, ...objects: PolicyObject[]): TestCluster {
  return new TestCluster()
    .services(
      service({ name: "api", ip: "10.96.0.1", annotations }),
      service({ name: "api-v2", ip: "10.96.0.2" }),
      service({ name: "api", namespace: "other", ip: "10.96.0.3" }),
    )
    .policies(...objects);
}

function outbound(cluster: TestCluster, client = "web"): ServicePolicy {
  const settings = {
    ...cluster.settings,
    clusterNetworks: parseCidrs("10.0.0.0/8"),
    globalEgressNamespace: "linkerd-egress",
  };
  const target = parseAuthority("10.96.0.1:80", "cluster.local");
  const policy = watchOutbound(cluster.index, settings, target, client).value.get();
  if (policy.kind !== "service") throw new Error(`kind ${policy.kind}`);
  return policy;
}

/** "name matches → weight×path (failure)" of every rule. */
function told(routes: ReadonlyArray<OutboundRoute<unknown>>): string[] {
  return routes.flatMap(({ origin, rules }) =>
    rules.map(({ backends, filters }) => {
      const to = backends.map(({ weight, backend, filters: own }) => {
        const failure = own.find(({ kind }) => kind === "failure");
        return `${weight}×${backend.kind === "service" ? backend.path.split(".svc")[0] : "original"}${failure?.kind === "failure" ? ` (${failure.message})` : ""}`;
      });
      const whole = filters.some(({ kind }) => kind === "failure") ? " fails" : "";
      return `${origin?.name ?? "default"}${whole} → ${to.join(" ")}`;
    }),
  );
}

const parent = "parentRefs: [{group: core, kind: Service, name: api, port: 80}]";
const route = (rules: string, name = "route", more = {}, parents = parent) =>
  policyObject("HTTPRoute", name, `{${parents}, rules: ${rules}}`, more);

describe("Routes of a Service", () => {
  test("are one to itself where nobody wrote any", () => {
    expect(told(outbound(world({})).routes.http)).toEqual(["default → 1×api.web"]);
  });

  test.each([
    [
      "[{backendRefs: [{name: api, port: 80, weight: 9}, {name: api-v2, port: 80, weight: 1}]}]",
      "route → 9×api.web 1×api-v2.web",
    ],
    ["[{backendRefs: [{name: api, port: 80, weight: 0}, {name: api-v2, port: 80}]}]", "route → 1×api-v2.web"],
    ["[{backendRefs: [{name: api-v2, port: 80, weight: 0}]}]", "route → "],
    ["[{backendRefs: [{name: api, namespace: other, port: 80}]}]", "route → 1×api.other"],
    ["[{}]", "route → 1×api.web"],
    // What can't be understood is as if it were not there; its status says so.
    ["[{matches: [{path: {value: no-slash}}]}]", "default → 1×api.web"],
    [
      "[{backendRefs: [{name: api, port: 80}, {name: gone, port: 80}]}]",
      'route → 1×api.web 1×gone.web (Service "gone" in namespace "web" does not exist)',
    ],
    [
      "[{backendRefs: [{name: gone, port: 80}]}]",
      'route fails → 1×gone.web (Service "gone" in namespace "web" does not exist)',
    ],
    [
      "[{backendRefs: [{group: apps, kind: Deployment, name: api, port: 80}]}]",
      "route fails → 1×api.web (A backend of kind deployment is not supported)",
    ],
  ])("%s", (rules, expected) => {
    const policy = outbound(world({}, route(rules)));
    expect(told(policy.routes.http)).toEqual([expected]);
    expect(outboundMessage(policy, "")?.protocol?.kind.case).toBe("detect");
  });

  test("are only those of this port, Service and client's view", () => {
    const objects = [
      route("[{}]", "this-port"),
      route("[{}]", "any-port", {}, "parentRefs: [{group: '', kind: Service, name: api}]"),
      route("[{}]", "other-port", {}, "parentRefs: [{group: '', kind: Service, name: api, port: 81}]"),
      route("[{}]", "other-service", {}, "parentRefs: [{group: '', kind: Service, name: api-v2}]"),
      route(
        "[{backendRefs: [{name: api, port: 80, namespace: web}]}]",
        "consumer",
        { namespace: "clients" },
        "parentRefs: [{group: '', kind: Service, name: api, namespace: web}]",
      ),
    ];
    const names = (client: string) =>
      outbound(world({}, ...objects), client).routes.http.map(({ origin }) => origin?.name);
    expect(names("web")).toEqual(["any-port", "this-port"]);
    expect(names("else")).toEqual(["any-port", "this-port"]);
    expect(names("")).toEqual(["any-port", "this-port"]);
    expect(names("clients")).toEqual(["consumer"]);
  });

  test("may leave group and kind of their parent out, unless a controller of Gateways knows it", () => {
    const bare = "parentRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: api}]";
    const written = route("[{backendRefs: [{name: api-v2, port: 80}]}]", "route", {}, bare);
    expect(told(outbound(world({}, written)).routes.http)).toEqual(["route → 1×api-v2.web"]);
    expect(told(outbound(world({}, route("[{}]", "route", {}, "parentRefs: [{name: api}]"))).routes.http)).toEqual([
      "route → 1×api.web",
    ]);
    const forHosts = policyObject("HTTPRoute", "hosts", `{${bare}, hostnames: [example.com], rules: [{}]}`);
    const forListener = route("[{}]", "listener", {}, "parentRefs: [{name: api, sectionName: https}]");
    expect(told(outbound(world({}, forHosts, forListener)).routes.http)).toEqual(["default → 1×api.web"]);
    const parentRef = { group: "gateway.networking.k8s.io", kind: "Gateway", name: "api" };
    const known = { ...written, status: { parents: [{ parentRef, controllerName: "example.com/gateways" }] } };
    expect(told(outbound(world({}, known)).routes.http)).toEqual(["default → 1×api.web"]);
  });

  test("of gRPC make it gRPC", () => {
    const rpc = policyObject(
      "GRPCRoute",
      "rpc",
      `{${parent}, rules: [{matches: [{method: {service: a.B}}], backendRefs: [{name: api-v2, port: 80}]}]}`,
    );
    const policy = outbound(world({}, rpc));
    expect(told(policy.routes.grpc)).toEqual(["rpc → 1×api-v2.web"]);
    expect(outboundMessage(policy, "")?.protocol?.kind.case).toBe("grpc");
  });

  test("of whole connections count where no route says more of the traffic", () => {
    const backends = "backendRefs: [{name: api, port: 80, weight: 3}, {name: gone, port: 80, weight: 1}]";
    const tcp = policyObject("TCPRoute", "tcp", `{${parent}, rules: [{${backends}}]}`);
    const tls = policyObject("TLSRoute", "tls", `{${parent}, hostnames: ["*.example.com"], rules: [{${backends}}]}`);
    const kindOf = (...objects: PolicyObject[]) => {
      const { protocol } = outboundMessage(outbound(world({}, ...objects)), "") ?? {};
      return protocol?.kind;
    };
    expect(kindOf(tcp)?.case).toBe("opaque");
    expect(kindOf(tcp, tls)?.case).toBe("tls");
    expect(kindOf(tcp, tls, route("[{}]"))?.case).toBe("detect");
    const message = kindOf(tls);
    if (message?.case !== "tls") throw new Error("no TLS");
    const [first] = message.value.routes;
    expect(first?.snis[0]?.match).toMatchObject({ case: "suffix", value: { reverseLabels: ["com", "example"] } });
    const distribution = first?.rules[0]?.backends?.kind;
    if (distribution?.case !== "randomAvailable") throw new Error("no weights");
    expect(
      distribution.value.backends.map(({ weight, backend }) => [weight, backend?.filters[0]?.kind.case ?? null]),
    ).toEqual([
      [3, null],
      [1, "invalid"],
    ]);
  });

  test("rewrite and mirror; a mirror without its Service is left out", () => {
    const filters = `[
      {type: URLRewrite, urlRewrite: {hostname: h.example, path: {type: ReplacePrefixMatch, replacePrefixMatch: /v2}}},
      {type: RequestMirror, requestMirror: {backendRef: {name: api-v2, port: 80}, percent: 5}},
      {type: RequestMirror, requestMirror: {backendRef: {name: gone, port: 80}}}]`;
    const { protocol } = outboundMessage(outbound(world({}, route(`[{filters: ${filters}}]`))), "") ?? {};
    if (protocol?.kind.case !== "detect") throw new Error("no detection");
    const sent = protocol.kind.value.http1?.routes[0]?.rules[0]?.filters.map(({ kind }) => kind) ?? [];
    expect(sent.map((kind) => kind.case)).toEqual(["urlRewrite", "requestMirror"]);
    expect(sent[0]?.value).toMatchObject({ host: "h.example", path: { replace: { case: "prefix", value: "/v2" } } });
    expect(sent[1]?.value).toMatchObject({ ratio: { numerator: 5, denominator: 100 } });
    expect(JSON.stringify(sent[1]?.value, (_, value) => (typeof value === "bigint" ? String(value) : value))).toContain(
      "api-v2.web.svc",
    );
  });

  test("of gRPC change answers and mirror as well", () => {
    const filters = `[
      {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-served-by, value: mesh}]}},
      {type: RequestMirror, requestMirror: {backendRef: {name: api-v2, port: 80}, fraction: {numerator: 1, denominator: 3}}},
      {type: RequestMirror, requestMirror: {backendRef: {name: gone, port: 80}}}]`;
    const rpc = policyObject("GRPCRoute", "rpc", `{${parent}, rules: [{filters: ${filters}}]}`);
    const { protocol } = outboundMessage(outbound(world({}, rpc)), "") ?? {};
    if (protocol?.kind.case !== "grpc") throw new Error("no gRPC");
    const sent = protocol.kind.value.routes[0]?.rules[0]?.filters.map(({ kind }) => kind) ?? [];
    expect(sent.map((kind) => kind.case)).toEqual(["responseHeaderModifier", "requestMirror"]);
    expect(sent[0]?.value).toMatchObject({ set: { headers: [{ name: "x-served-by" }] } });
    expect(sent[1]?.value).toMatchObject({ ratio: { numerator: 1, denominator: 3 } });
  });

  test("follow a Service that comes later", () => {
    const cluster = world({}, route("[{backendRefs: [{name: late, port: 80}]}]"));
    expect(told(outbound(cluster).routes.http)[0]).toContain("fails");
    cluster.services(service({ name: "late", ip: "10.96.0.9" })).settle();
    expect(told(outbound(cluster).routes.http)).toEqual(["route → 1×late.web"]);
  });
});

describe("Annotations", () => {
  const rule = (policy: ServicePolicy) => policy.routes.http[0]?.rules[0];

  test("of the Service count for the default route and for routes that say nothing", () => {
    const annotations = {
      "retry.linkerd.io/http": "5xx, 429",
      "retry.linkerd.io/limit": "3",
      "retry.linkerd.io/timeout": "300ms",
      "timeout.linkerd.io/response": "2s",
    };
    const expected = {
      retries: {
        http: [
          { from: 500, to: 599 },
          { from: 429, to: 429 },
        ],
        grpc: null,
        limit: 3,
        timeout: 300,
      },
      timeouts: { request: null, response: 2000, idle: null },
    };
    expect(rule(outbound(world(annotations)))).toMatchObject(expected);
    expect(rule(outbound(world(annotations, route("[{}]"))))).toMatchObject(expected);
  });

  test("of the route win: timeouts all or nothing, retries as soon as it says anything of them", () => {
    const service = {
      "retry.linkerd.io/http": "5xx",
      "timeout.linkerd.io/response": "2s",
      "timeout.linkerd.io/request": "5s",
    };
    const own = { annotations: { "retry.linkerd.io/limit": "0", "timeout.linkerd.io/idle": "1m" } };
    expect(rule(outbound(world(service, route("[{}]", "route", own))))).toMatchObject({
      retries: null,
      timeouts: { request: null, response: null, idle: 60_000 },
    });
  });

  test("don't stand against the route's own timeouts", () => {
    const cluster = world(
      { "timeout.linkerd.io/request": "5s" },
      route("[{timeouts: {request: 1s, backendRequest: 200ms}}]"),
    );
    expect(rule(outbound(cluster))).toMatchObject({ timeouts: { request: 1000 }, backends: [{ timeout: 200 }] });
  });

  test("with values that say nothing count as absent", () => {
    const cluster = world({ "retry.linkerd.io/http": "5xx,often", "timeout.linkerd.io/request": "1.5s" });
    expect(rule(outbound(cluster))).toMatchObject({ retries: null, timeouts: { request: null } });
  });

  test("tell when endpoints are taken out", () => {
    const key = "balancer.linkerd.io/failure-accrual";
    expect(outbound(world({})).failureAccrual).toBeNull();
    expect(outbound(world({ [key]: "maybe" })).failureAccrual).toBeNull();
    expect(outbound(world({ [key]: "consecutive", [`${key}-consecutive-max-failures`]: "3" })).failureAccrual).toEqual({
      maxFailures: 3,
      minPenalty: 1000,
      maxPenalty: 60_000,
      jitter: 0.5,
      successRate: null,
    });
    const unified = outbound(world({ [key]: "unified" }));
    expect(unified.failureAccrual?.successRate).toMatchObject({ threshold: 0.8, window: 10_000, minRequests: 5 });
    const { protocol } = outboundMessage(unified, "") ?? {};
    const http = protocol?.kind.case === "detect" ? protocol.kind.value.http1 : undefined;
    expect(http?.failureAccrual?.kind.case).toBe("unified");
  });
});
