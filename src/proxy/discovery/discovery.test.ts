import { describe, expect, test } from "bun:test";
import { create } from "#rpc/protobuf/create.ts";
import type { MessageInitShape } from "#rpc/protobuf/types.ts";
import { memoryLog } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { text } from "#lib/metrics/text.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import { parseCidr } from "#lib/net-addr.ts";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { ipMessage, tcpAddress } from "#rpc/address.ts";
import {
  DestinationProfileSchema,
  UpdateSchema,
  type DestinationProfile,
  type Update,
  type WeightedAddrSchema,
} from "#rpc/gen/destination_pb.ts";
import { ServerSchema, type Server } from "#rpc/gen/inbound_pb.ts";
import { OutboundPolicySchema, type OutboundPolicy } from "#rpc/gen/outbound_pb.ts";
import { parseRequestHead } from "#wire/http1/parse-request.ts";
import type { OutboundTarget } from "../outbound/ports.ts";
import { PolicyMetrics } from "../policy/policy-metrics.ts";
import { BalancerMetrics } from "../telemetry/balancer-metrics.ts";
import { DetectMetrics } from "../telemetry/detect-metrics.ts";
import { InboundRouteMetrics } from "../telemetry/inbound-route-metrics.ts";
import { HttpMetrics } from "../telemetry/http-metrics.ts";
import { serverTlsLabels, targetLabels } from "../telemetry/labels.ts";
import { RouteMetrics } from "../telemetry/route-metrics.ts";
import { TransportMetrics } from "../telemetry/transport-metrics.ts";
import { Backends } from "./backends.ts";
import { InboundDiscovery } from "./inbound-discovery.ts";
import { OutboundDiscovery } from "./outbound-discovery.ts";
import type { OpenStream, StreamEnd } from "./watch-stream.ts";

/** Streams that a test answers by hand. */
class Streams<M> {
  readonly open = new Map<string, { onMessage(message: M): void; onEnd(end: StreamEnd): void }>();
  opened = 0;

  of(key: string): OpenStream<M> {
    return (handlers) => {
      this.opened++;
      this.open.set(key, handlers);
      return { cancel: () => this.open.delete(key) };
    };
  }
}

const web: SocketAddr = { ip: "10.96.0.1", port: 80 };
const head = parseRequestHead("GET / HTTP/1.1\r\nhost: web\r\n");
const id = "web.ns.serviceaccount.identity.linkerd.cluster.local";

function addr(ip: string, meshed = false): MessageInitShape<typeof WeightedAddrSchema> {
  const base = { addr: tcpAddress({ ip, port: 8080 }) ?? undefined, weight: 10_000 } as const;
  if (!meshed) return base as MessageInitShape<typeof WeightedAddrSchema>;
  return {
    ...base,
    tlsIdentity: { strategy: { case: "dnsLikeIdentity", value: { name: id } } },
    protocolHint: { protocol: { case: "h2", value: {} }, opaqueTransport: { inboundPort: 4143 } },
    metricLabels: { deployment: "web" },
  } as MessageInitShape<typeof WeightedAddrSchema>;
}

const add = (...addrs: Array<MessageInitShape<typeof WeightedAddrSchema>>): Update =>
  create(UpdateSchema, { update: { case: "add", value: { addrs, metricLabels: { namespace: "ns" } } } });

function setup(options: { readonly maxDestinations?: number } = {}) {
  const clock = new FakeClock();
  const registry = new Registry({ clock });
  const { log, lines } = memoryLog();
  const random = seededRandom(1);
  const transport = new TransportMetrics(registry);
  const http = new HttpMetrics(registry);
  const balancers = {
    http: new BalancerMetrics(registry, "outbound_http"),
    tcp: new BalancerMetrics(registry, "outbound_tcp"),
    tls: new BalancerMetrics(registry, "outbound_tls"),
  };
  const profiles = new Streams<DestinationProfile>();
  const endpoints = new Streams<Update>();
  const policies = new Streams<OutboundPolicy>();
  const stream = {
    clock,
    random,
    log,
    backoff: { min: 100, max: 10_000, jitter: 0 },
    initialTimeout: 3000,
    idleTimeout: 300_000,
    lifetime: 3_600_000,
  };
  const backends = new Backends({
    clock,
    random,
    connectBackoff: { min: 100, max: 60_000, jitter: 0 },
    queueCapacity: 100,
    failfastTimeout: 3000,
    identityEnabled: true,
    transport,
    http,
    balancers,
    get: (path) => endpoints.of(path),
    stream,
  });
  registry.onCollect(() => backends.report());
  const discovery = new OutboundDiscovery({
    clock,
    random,
    log,
    backends,
    transport,
    http,
    detect: new DetectMetrics(registry, "outbound"),
    routes: new RouteMetrics(registry),
    protocols: registry.counter("outbound_tcp_protocol_connections_total", "Connections"),
    plan: { identityEnabled: true, detectTimeout: 10_000 },
    profileNetworks: [parseCidr("10.0.0.0/8")],
    profileTimeout: 500,
    idleTimeout: 5000,
    ...options,
    getProfile: (path) => profiles.of(path),
    watchPolicy: (target) => policies.of(`${target.ip}:${target.port}`),
    stream,
  });
  const found: OutboundTarget[] = [];
  const lookup = (to: SocketAddr = web): (() => void) => discovery.lookup(to, (target) => found.push(target));
  const service = (): void => {
    profiles.open
      .get("10.96.0.1:80")
      ?.onMessage(create(DestinationProfileSchema, { fullyQualifiedName: "web.ns.svc.cluster.local" }));
    policies.open.get("10.96.0.1:80")?.onEnd({ code: 12, message: "unimplemented" });
  };
  return {
    clock,
    registry,
    log,
    lines,
    profiles,
    endpoints,
    policies,
    backends,
    discovery,
    found,
    lookup,
    service,
    transport,
    http,
    stream,
  };
}

describe("OutboundDiscovery", () => {
  test("turns a Service's profile into a balancer over its endpoints", () => {
    const { lookup, found, service, endpoints } = setup();
    lookup();
    expect(found).toEqual([]);
    service();
    const target = found[0];
    expect(target?.protocol).toBe("detect");
    endpoints.open.get("web.ns.svc.cluster.local:80")?.onMessage(add(addr("10.1.0.1", true)));
    const endpoint = target?.tcp.pick();
    expect(endpoint).toMatchObject({
      addr: { ip: "10.1.0.1", port: 8080 },
      tls: { identity: id, serverName: id },
      transportPort: 4143,
    });
  });

  test("counts requests with the authority, the server's identity and the destination's labels", () => {
    const { lookup, found, service, endpoints, registry } = setup();
    lookup();
    service();
    endpoints.open.get("web.ns.svc.cluster.local:80")?.onMessage(add(addr("10.1.0.1", true)));
    const route = found[0]?.route(head);
    if (route?.kind !== "forward") throw new Error("No route");
    const endpoint = route.balancer.pick();
    if (endpoint === null) throw new Error("No endpoint");
    expect(route.cells(endpoint)).toBe(route.cells(endpoint));
    route.cells(endpoint).requestStarted();
    const line = text(registry)
      .split("\n")
      .find((candidate) => candidate.startsWith("request_total"));
    expect(line).toBe(
      'request_total{authority="web.ns.svc.cluster.local:80",direction="outbound",dst_deployment="web",dst_namespace="ns",' +
        `server_id="${id}",target_addr="10.1.0.1:8080",target_ip="10.1.0.1",target_port="8080",tls="true"} 1`,
    );
  });

  test("forgets the destination that was unused for longest when it is full, and asks for the new one", () => {
    const { lookup, found, discovery, profiles, clock } = setup({ maxDestinations: 3 });
    const at = (port: number): SocketAddr => ({ ip: "10.96.0.1", port });
    for (const port of [1, 2, 3]) lookup(at(port));
    clock.advance(500);
    for (const target of found) target.hold();
    found[1]?.release();
    clock.advance(1);
    found[0]?.release();
    // Used again: no longer the oldest.
    found[1]?.hold();
    found[1]?.release();
    lookup(at(4));
    expect([discovery.size, profiles.opened]).toEqual([3, 4]);
    expect([...profiles.open.keys()]).toEqual(["10.96.0.1:2", "10.96.0.1:3", "10.96.0.1:4"]);
  });

  test("refuses a destination when it is full of used ones, never reaching it in plaintext, until there is room", () => {
    const { lookup, found, discovery, profiles, clock, lines, registry } = setup({ maxDestinations: 2 });
    const at = (port: number): SocketAddr => ({ ip: "10.96.0.1", port });
    for (const port of [1, 2]) lookup(at(port));
    clock.advance(500);
    for (const target of found) target.hold();
    for (let port = 3; port < 100; port++) lookup(at(port));
    expect(found.slice(2).every((target) => target.protocol === "shed" && target.tcp.pick() === null)).toBe(true);
    expect([discovery.size, profiles.opened]).toEqual([2, 2]);
    expect(lines.filter((line) => line.includes("Too many destinations")).length).toBe(1);
    expect(text(registry).match(/^tcp_open_total{.*peer="src"/gm)?.length).toBe(3);
    found[0]?.release();
    lookup(at(3));
    expect([discovery.size, profiles.opened]).toEqual([2, 3]);
  });

  test("goes to the address itself when nobody answers in time, and takes the answer when it comes", () => {
    const { lookup, found, clock, profiles, policies } = setup();
    lookup();
    clock.advance(499);
    expect(found.length).toBe(0);
    clock.advance(1);
    const target = found[0];
    expect(target?.tcp.pick()?.addr).toEqual(web);
    policies.open.get("10.96.0.1:80")?.onEnd({ code: 12, message: "unimplemented" });
    profiles.open.get("10.96.0.1:80")?.onMessage(create(DestinationProfileSchema, { opaqueProtocol: true }));
    expect(target?.protocol).toBe("opaque");
  });

  test("answers at once from the cache, and forgets a destination 5 s after its last use", () => {
    const { lookup, found, service, clock, discovery, profiles, backends } = setup();
    lookup();
    service();
    found[0]?.hold();
    clock.advance(60_000);
    lookup();
    expect(found.length).toBe(2);
    expect(profiles.opened).toBe(1);
    found[0]?.release();
    clock.advance(5000);
    expect([discovery.size, backends.all().length, profiles.open.size]).toEqual([0, 0, 0]);
    expect(clock.timers).toBe(0);
  });

  test("does not call back a connection that gave up waiting", () => {
    const { lookup, found, service } = setup();
    lookup()();
    service();
    expect(found).toEqual([]);
  });

  test("keeps the endpoints it knows while the control plane is away, and starts anew with the first message after", () => {
    const { lookup, found, service, endpoints, clock } = setup();
    lookup();
    service();
    found[0]?.hold();
    const path = "web.ns.svc.cluster.local:80";
    endpoints.open.get(path)?.onMessage(add(addr("10.1.0.1"), addr("10.1.0.2")));
    endpoints.open.get(path)?.onEnd({ code: 14, message: "gone" });
    clock.advance(90);
    expect(found[0]?.tcp.pick()).not.toBeNull();
    clock.advance(10);
    endpoints.open.get(path)?.onMessage(add(addr("10.1.0.3")));
    expect(found[0]?.tcp.pick()?.addr.ip).toBe("10.1.0.3");
  });

  test("does not ask for the profile of an address outside of the profile networks", () => {
    const { lookup, profiles, policies, found } = setup();
    lookup({ ip: "8.8.8.8", port: 443 });
    expect(profiles.opened).toBe(0);
    policies.open.get("8.8.8.8:443")?.onEnd({ code: 5, message: "not found" });
    expect(found[0]?.tcp.pick()?.addr.ip).toBe("8.8.8.8");
  });

  test("stops asking for outbound policies for a minute when the control plane does not serve them", () => {
    const { lookup, service, policies, clock } = setup();
    lookup();
    service();
    lookup({ ip: "10.96.0.2", port: 80 });
    expect(policies.opened).toBe(1);
    clock.advance(60_000);
    lookup({ ip: "10.96.0.3", port: 80 });
    expect(policies.opened).toBe(2);
  });

  test("refuses what a policy forbids", () => {
    const { lookup, found, profiles, policies } = setup();
    lookup();
    profiles.open
      .get("10.96.0.1:80")
      ?.onMessage(create(DestinationProfileSchema, { fullyQualifiedName: "web.ns.svc.cluster.local" }));
    policies.open.get("10.96.0.1:80")?.onMessage(
      create(OutboundPolicySchema, {
        protocol: {
          kind: {
            case: "opaque",
            value: { routes: [{ rules: [{ filters: [{ kind: { case: "forbidden", value: {} } }] }] }] },
          },
        },
      }),
    );
    expect(found[0]?.protocol).toBe("forbidden");
    expect(found[0]?.tcp.wait({ onEndpoint() {}, onRefused() {} })).toBe("failfast");
  });

  test("sends each method of gRPC where its route says, and answers for those that it refuses", () => {
    const { lookup, found, profiles, policies, endpoints, registry } = setup();
    lookup();
    profiles.open
      .get("10.96.0.1:80")
      ?.onMessage(create(DestinationProfileSchema, { fullyQualifiedName: "web.ns.svc.cluster.local" }));
    const to = (path: string) => ({
      kind: {
        case: "firstAvailable",
        value: {
          backends: [
            {
              backend: {
                kind: { case: "balancer", value: { discovery: { kind: { case: "dst", value: { path } } } } },
              },
            },
          ],
        },
      },
    });
    const rpc = (service: string, method: string) => [{ rpc: { service, method } }];
    const denied = { kind: { case: "failureInjector", value: { code: 7, message: "No" } } };
    const policy = {
      protocol: {
        kind: {
          case: "grpc",
          value: {
            routes: [
              {
                metadata: { kind: { case: "resource", value: { kind: "GRPCRoute", name: "votes", namespace: "ns" } } },
                rules: [
                  { matches: rpc("Vote", "Cat"), backends: to("cats.ns.svc.cluster.local:80") },
                  { matches: rpc("Vote", "Dog"), filters: [denied], backends: to("x.ns.svc.cluster.local:80") },
                  {
                    matches: [{ rpc: { service: "V.*", method: "D[io]g|Bird", regex: true } }],
                    backends: to("cats.ns.svc.cluster.local:80"),
                  },
                  { matches: rpc("Vote", ""), backends: to("votes.ns.svc.cluster.local:80") },
                ],
              },
            ],
          },
        },
      },
    };
    policies.open
      .get("10.96.0.1:80")
      ?.onMessage(create(OutboundPolicySchema, policy as MessageInitShape<typeof OutboundPolicySchema>));
    const [target] = found;
    expect(target?.protocol).toBe("http2");
    endpoints.open.get("cats.ns.svc.cluster.local:80")?.onMessage(add(addr("10.1.0.1")));
    endpoints.open.get("votes.ns.svc.cluster.local:80")?.onMessage(add(addr("10.1.0.2")));
    const where = (path: string): string | undefined => {
      const route = target?.route(parseRequestHead(`POST ${path} HTTP/1.1\r\nhost: web\r\n`));
      if (route?.kind === "refuse" && route.extras === null) return route.cause;
      for (const chain of route?.extras?.filters ?? []) {
        const filtered = chain.apply(parseRequestHead("POST / HTTP/1.1\r\nhost: web\r\n"), "http", seededRandom(1));
        if (filtered.kind === "failure") return `failure ${filtered.grpc}`;
      }
      if (route?.kind !== "forward") return undefined;
      route.requests.ended(200, 0, 1, null);
      return route.balancer.pick()?.addr.ip;
    };
    expect(
      ["/Vote/Cat", "/Vote/Dog", "/Vote/Other", "/Else/Cat", "/Vet/Dig", "/Vet/Birds", "/V.*/Bird"].map(where),
    ).toEqual(["10.1.0.1", "failure 7", "10.1.0.2", "route-not-found", "10.1.0.1", "route-not-found", "10.1.0.1"]);
    expect(text(registry)).toContain('outbound_grpc_route_backend_requests_total{backend_group="core"');
    expect(text(registry)).toMatch(
      /outbound_grpc_route_request_statuses_total\{.*grpc_status="OK".*route_name="votes".*\} 4/,
    );
  });

  test("splits requests over the overrides of a ServiceProfile by weight", () => {
    const { lookup, found, profiles, policies, endpoints } = setup();
    lookup();
    profiles.open.get("10.96.0.1:80")?.onMessage(
      create(DestinationProfileSchema, {
        fullyQualifiedName: "web.ns.svc.cluster.local",
        dstOverrides: [
          { authority: "web-a.ns.svc.cluster.local:80", weight: 900 },
          { authority: "web-b.ns.svc.cluster.local:80", weight: 100 },
        ],
      }),
    );
    policies.open.get("10.96.0.1:80")?.onEnd({ code: 5, message: "not found" });
    expect(endpoints.opened).toBe(2);
    endpoints.open.get("web-a.ns.svc.cluster.local:80")?.onMessage(add(addr("10.1.0.1")));
    endpoints.open.get("web-b.ns.svc.cluster.local:80")?.onMessage(add(addr("10.1.0.2")));
    let first = 0;
    for (let i = 0; i < 1000; i++) {
      const route = found[0]?.route(head);
      if (route?.kind === "forward" && route.balancer.pick()?.addr.ip === "10.1.0.1") first++;
    }
    expect(first).toBeWithin(850, 950);
  });
});

describe("InboundDiscovery", () => {
  function inbound() {
    const base = setup();
    const { clock, log, registry, transport, http, stream } = base;
    const ports = new Streams<Server>();
    const metrics = new PolicyMetrics(registry, {
      transport,
      http,
      detect: new DetectMetrics(registry, "inbound"),
      routes: new InboundRouteMetrics(registry),
      targetLabels,
      serverTlsLabels,
    });
    const subject = new InboundDiscovery({
      clock,
      log,
      metrics,
      defaultPolicy: { name: "deny", clusterNetworks: [], detectTimeout: 10_000 },
      opaquePorts: [{ from: 3306, to: 3306 }],
      requireIdentityPorts: [],
      requireTlsPorts: [],
      ports: [8080],
      idleTimeout: 90_000,
      watchPort: (port) => ports.of(String(port)),
      stream,
    });
    return { clock, ports, subject };
  }
  const from = (ip: string) => ({
    client: { ip, port: 1 },
    target: { ip: "10.1.0.1", port: 8080 },
    tls: { kind: "none", reason: "no_tls_from_remote" } as const,
  });

  test("asks for declared ports at the start, and applies what the control plane says", () => {
    const { ports, subject } = inbound();
    expect([...ports.open.keys()]).toEqual(["8080"]);
    const policy = subject.forPort(8080);
    expect(policy.authorize(from("10.2.0.1")).allowed).toBe(false);
    ports.open.get("8080")?.onMessage(
      create(ServerSchema, {
        protocol: { kind: { case: "http1", value: {} } },
        authorizations: [
          {
            networks: [{ net: { ip: ipMessage("10.0.0.0") ?? undefined, prefixLen: 8 } } as never],
            authentication: { permit: { case: "unauthenticated", value: {} } },
            labels: { group: "policy.linkerd.io", kind: "serverauthorization", name: "all" },
          },
        ],
        labels: { group: "policy.linkerd.io", kind: "server", name: "web" },
      }),
    );
    expect(policy.protocol).toBe("http1");
    expect(policy.authorize(from("10.2.0.1")).allowed).toBe(true);
    expect(policy.authorize(from("11.2.0.1")).allowed).toBe(false);
  });

  test("keeps the policy of another port for 90 s after its last use", () => {
    const { ports, subject, clock } = inbound();
    const policy = subject.forPort(9000);
    policy.hold();
    clock.advance(1_000_000);
    expect(subject.forPort(9000)).toBe(policy);
    policy.release();
    clock.advance(90_000);
    expect(ports.open.has("9000")).toBe(false);
  });

  test("denies on one port too many instead of guessing its policy", () => {
    const { subject } = inbound();
    for (let port = 10_000; port < 10_256; port++) subject.forPort(port).hold();
    expect(subject.forPort(20_000).authorize(from("10.2.0.1")).allowed).toBe(false);
  });

  test("treats the configured ports as opaque until told otherwise", () => {
    expect(inbound().subject.forPort(3306).protocol).toBe("opaque");
  });
});
