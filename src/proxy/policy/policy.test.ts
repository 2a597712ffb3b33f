import { describe, expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { text } from "#lib/metrics/text.ts";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { parseCidr, parseIp } from "#lib/net-addr.ts";
import type { RequestHead } from "#wire/http1/head.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import type { ClientTls, InboundConnection } from "../inbound/ports.ts";
import { DetectMetrics } from "../telemetry/detect-metrics.ts";
import { InboundRouteMetrics } from "../telemetry/inbound-route-metrics.ts";
import { HttpMetrics } from "../telemetry/http-metrics.ts";
import { serverTlsLabels, targetLabels } from "../telemetry/labels.ts";
import { TransportMetrics } from "../telemetry/transport-metrics.ts";
import { findAuthorization } from "./authorize.ts";
import { defaultPolicy, type DefaultPolicyOptions } from "./default-policy.ts";
import { PolicyMetrics } from "./policy-metrics.ts";
import { LivePortPolicy } from "./port-policy.ts";
import { builtIn, type Authorization, type InboundRoute, type ServerPolicy } from "./server-policy.ts";

const plain: ClientTls = { kind: "none", reason: "no_tls_from_remote" };
const meshed = (clientId: string): ClientTls => ({ kind: "meshed", clientId });
const passthrough: ClientTls = { kind: "passthrough", serverName: "db.example" };

const policyOf = (name: DefaultPolicyOptions["name"]): ServerPolicy =>
  defaultPolicy({ name, clusterNetworks: [parseCidr("10.0.0.0/8")], detectTimeout: 10_000, protocol: "detect" });

function permits(policy: ServerPolicy, ip: string, tls: ClientTls): boolean {
  return findAuthorization({ ip: parseIp(ip) ?? new Uint8Array(), tls }, policy.authorizations) !== null;
}

const connection = (tls: ClientTls, ip = "10.0.0.9"): InboundConnection => ({
  client: { ip, port: 40_000 },
  target: { ip: "10.0.0.1", port: 8080 },
  tls,
});

const head = (path: string): RequestHead => parseRequestHead(`GET ${path} HTTP/1.1\r\nhost: web\r\n`);

function portPolicy(policy: ServerPolicy, more: { requireIdentity?: boolean; requireTls?: boolean } = {}) {
  const registry = new Registry();
  const metrics = new PolicyMetrics(registry, {
    transport: new TransportMetrics(registry),
    http: new HttpMetrics(registry),
    detect: new DetectMetrics(registry, "inbound"),
    routes: new InboundRouteMetrics(registry),
    targetLabels,
    serverTlsLabels,
  });
  const holders: boolean[] = [];
  const here = [{ from: 8080, to: 8080 }];
  const subject = new LivePortPolicy(policy, {
    port: 8080,
    clock: new FakeClock(),
    random: seededRandom(1),
    metrics,
    log: memoryLog().log,
    requireIdentity: more.requireIdentity === true ? here : [],
    requireTls: more.requireTls === true ? here : [],
    onHolders: (held) => holders.push(held),
  });
  return { subject, registry, holders };
}

describe("default policies", () => {
  test("permit what their names say", () => {
    const outside = "8.8.8.8";
    const inside = "10.1.2.3";
    const rows: Array<[DefaultPolicyOptions["name"], string, ClientTls, boolean]> = [
      ["all-unauthenticated", outside, plain, true],
      ["all-unauthenticated", "fd00::1", plain, true],
      ["all-authenticated", outside, plain, false],
      ["all-authenticated", outside, passthrough, false],
      ["all-authenticated", outside, meshed("web.ns"), true],
      ["all-authenticated", outside, { kind: "anonymous" }, false],
      ["cluster-unauthenticated", inside, plain, true],
      ["cluster-unauthenticated", outside, plain, false],
      ["cluster-authenticated", inside, plain, false],
      ["cluster-authenticated", inside, meshed("web.ns"), true],
      ["cluster-authenticated", outside, meshed("web.ns"), false],
      ["deny", inside, meshed("web.ns"), false],
      ["audit", outside, plain, true],
    ];
    for (const [name, ip, tls, allowed] of rows)
      expect([name, ip, permits(policyOf(name), ip, tls)]).toEqual([name, ip, allowed]);
  });
});

describe("findAuthorization", () => {
  const authorization = (clients: Authorization["clients"]): Authorization[] => [
    {
      networks: [{ net: parseCidr("10.0.0.0/8"), except: [parseCidr("10.9.0.0/16")] }],
      clients,
      origin: { group: "policy.linkerd.io", kind: "authorizationpolicy", name: "p" },
    },
  ];
  const find = (clients: Authorization["clients"], ip: string, tls: ClientTls): boolean =>
    findAuthorization({ ip: parseIp(ip) ?? new Uint8Array(), tls }, authorization(clients)) !== null;

  test("takes exceptions out of a network", () => {
    expect(find({ kind: "any" }, "10.1.0.1", plain)).toBe(true);
    expect(find({ kind: "any" }, "10.9.0.1", plain)).toBe(false);
  });

  test("tells TLS without an identity from TLS with one", () => {
    const anonymous: ClientTls = { kind: "anonymous" };
    expect(find({ kind: "tls" }, "10.1.0.1", anonymous)).toBe(true);
    expect(find({ kind: "tls" }, "10.1.0.1", meshed("a.b"))).toBe(true);
    expect(find({ kind: "tls" }, "10.1.0.1", passthrough)).toBe(false);
    expect(find({ kind: "tls" }, "10.1.0.1", plain)).toBe(false);
    expect(find({ kind: "meshed" }, "10.1.0.1", anonymous)).toBe(false);
  });

  test("compares identities exactly and suffixes by whole labels", () => {
    const clients: Authorization["clients"] = {
      kind: "identities",
      identities: new Set(["web.ns.cluster.local"]),
      suffixes: ["team.cluster.local"],
    };
    expect(find(clients, "10.1.0.1", meshed("web.ns.cluster.local"))).toBe(true);
    expect(find(clients, "10.1.0.1", meshed("xweb.ns.cluster.local"))).toBe(false);
    expect(find(clients, "10.1.0.1", meshed("api.team.cluster.local"))).toBe(true);
    expect(find(clients, "10.1.0.1", meshed("evilteam.cluster.local"))).toBe(false);
    expect(find(clients, "10.1.0.1", plain)).toBe(false);
  });
});

test("a SPIFFE identity is met by its whole name or by any, and by no end of a DNS name", () => {
  const spiffe = "spiffe://root.linkerd.cluster.local/proxy.team.cluster.local";
  const find = (names: readonly string[], suffixes: readonly string[], clientId: string): boolean => {
    const clients = { kind: "identities", identities: new Set(names), suffixes } as const;
    const authorization = { networks: [{ net: parseCidr("0.0.0.0/0"), except: [] }], clients, origin: builtIn("p") };
    return (
      findAuthorization({ ip: parseIp("10.1.0.1") ?? new Uint8Array(), tls: meshed(clientId) }, [authorization]) !==
      null
    );
  };
  expect(find([spiffe], [], spiffe)).toBe(true);
  expect(find([spiffe], [], `${spiffe}/x`)).toBe(false);
  expect(find([spiffe.toUpperCase()], [], spiffe)).toBe(false);
  expect(find([], [""], spiffe)).toBe(true);
  expect(find([], ["team.cluster.local"], spiffe)).toBe(false);
  expect(find([], ["team.cluster.local"], "proxy.team.cluster.local")).toBe(true);
});

describe("LivePortPolicy", () => {
  test("counts allowed, denied and terminated connections", () => {
    const { subject, registry } = portPolicy(policyOf("all-unauthenticated"));
    const client = connection(plain);
    let changes = 0;
    subject.watch(() => changes++);
    expect(subject.authorize(client).allowed).toBe(true);
    subject.update(policyOf("all-authenticated"));
    expect(changes).toBe(1);
    expect(subject.authorize(client).allowed).toBe(false);
    expect(subject.authorize(connection(plain)).allowed).toBe(false);
    expect(subject.authorize(connection(meshed("web.ns"))).allowed).toBe(true);
    const out = text(registry);
    expect(out).toMatch(/inbound_tcp_authz_allow_total\{.*srv_name="all-unauthenticated".*\} 1/);
    expect(out).toMatch(/inbound_tcp_authz_terminate_total\{.*srv_name="all-authenticated".*\} 1/);
    expect(out).toMatch(/inbound_tcp_authz_deny_total\{.*tls="no_identity"\} 1/);
    expect(out).toMatch(/inbound_tcp_authz_allow_total\{.*client_id="web.ns".*\} 1/);
  });

  test("a denial wins over what permits everybody, ends what is established and refuses its requests", () => {
    const open = policyOf("all-unauthenticated");
    const { subject } = portPolicy(open);
    const [bot, web] = [connection(meshed("bot")), connection(meshed("web"))];
    expect([subject.authorize(bot).allowed, subject.authorize(web).allowed]).toEqual([true, true]);
    const clients = { kind: "identities", identities: new Set(["bot"]), suffixes: [] } as const;
    const [everywhere] = open.authorizations;
    if (everywhere === undefined) throw new Error("nothing is permitted");
    subject.update({ ...open, denials: [{ ...everywhere, clients }] });
    expect([subject.authorize(bot).allowed, subject.authorize(web).allowed]).toEqual([false, true]);
    expect(subject.authorizeRequest(bot, head("/")).kind).toBe("unauthorized");
    expect(subject.authorizeRequest(web, head("/")).kind).toBe("allow");
  });

  test("gives every request of a client the same ready-made verdict and counts it with Linkerd's labels", () => {
    const { subject, registry } = portPolicy(policyOf("all-unauthenticated"));
    const client = connection(meshed("web.ns"));
    const verdict = subject.authorizeRequest(client, head("/a"));
    expect(subject.authorizeRequest(client, head("/b"))).toBe(verdict);
    expect(verdict.kind).toBe("allow");
    verdict.http.requestStarted();
    verdict.http.responseEnded(200, 3, true, -1);
    const line = text(registry)
      .split("\n")
      .find((candidate) => candidate.startsWith("response_total"));
    for (const label of [
      'direction="inbound"',
      'classification="success"',
      'status_code="200"',
      'tls="true"',
      'client_id="web.ns"',
      'target_addr="10.0.0.1:8080"',
      'srv_kind="default"',
      'srv_name="all-unauthenticated"',
      'srv_port="8080"',
      'route_kind="default"',
      'authz_name="all-unauthenticated"',
    ]) {
      expect(line).toContain(label);
    }
    expect(text(registry)).toMatch(/inbound_http_authz_allow_total\{.*\} 1/);
  });

  test("refuses requests of clients that may not, also on a connection that was there before the change", () => {
    const { subject, registry } = portPolicy(policyOf("all-unauthenticated"));
    const client = connection(plain);
    expect(subject.authorizeRequest(client, head("/")).kind).toBe("allow");
    subject.update(policyOf("deny"));
    const verdict = subject.authorizeRequest(client, head("/"));
    expect(verdict.kind).toBe("unauthorized");
    verdict.http.requestStarted();
    expect(text(registry)).toMatch(/inbound_http_authz_deny_total\{.*\} 1/);
  });

  test("judges requests by the authorizations of their route", () => {
    const route = (name: string, path: string, clients: Authorization["clients"] | null): InboundRoute => ({
      origin: { group: "policy.linkerd.io", kind: "HTTPRoute", name },
      match: { hosts: [], requests: [{ path: { kind: "prefix", path }, method: null, headers: [], query: [] }] },
      filters: null,
      authorizations:
        clients === null
          ? []
          : [
              {
                networks: [{ net: parseCidr("0.0.0.0/0"), except: [] }],
                clients,
                origin: { group: "", kind: "", name },
              },
            ],
    });
    const { subject } = portPolicy({
      ...policyOf("deny"),
      routes: [route("open", "/open", { kind: "any" }), route("closed", "/closed", null)],
    });
    const client = connection(plain);
    expect(subject.authorize(client).allowed).toBe(false);
    expect(subject.authorizeRequest(client, head("/open/x")).kind).toBe("allow");
    expect(subject.authorizeRequest(client, head("/closed")).kind).toBe("unauthorized");
    expect(subject.authorizeRequest(client, head("/other")).kind).toBe("route-not-found");
  });

  test("demands an identity or TLS on ports that are configured so", () => {
    const identity = portPolicy(policyOf("all-unauthenticated"), { requireIdentity: true }).subject;
    expect(identity.authorize(connection(plain)).allowed).toBe(false);
    expect(identity.authorize(connection(passthrough)).allowed).toBe(false);
    expect(identity.authorize(connection(meshed("a.b"))).allowed).toBe(true);
    const tls = portPolicy(policyOf("all-unauthenticated"), { requireTls: true }).subject;
    expect(tls.authorize(connection(plain)).allowed).toBe(false);
    expect(tls.authorize(connection(passthrough)).allowed).toBe(true);
  });

  test("tells when the first holder comes and the last one goes", () => {
    const { subject, holders } = portPolicy(policyOf("deny"));
    subject.hold();
    subject.hold();
    subject.release();
    subject.release();
    expect(holders).toEqual([true, false]);
  });
});
