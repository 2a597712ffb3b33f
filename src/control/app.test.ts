import { afterEach, describe, expect, test } from "bun:test";
import type { SliceEndpoint } from "#kube/types/discovery.ts";
import type { Socket } from "#lib/net/socket.ts";
import { seededRandom } from "#lib/random.ts";
import { resources } from "#kube/resource.ts";
import type { FakeApi } from "#kube/testing/fake-api.ts";
import { tcpAddress } from "#rpc/address.ts";
import { Destination } from "#rpc/gen/destination_pb.ts";
import { InboundServerPolicies } from "#rpc/gen/inbound_pb.ts";
import { OutboundPolicies } from "#rpc/gen/outbound_pb.ts";
import { startDestination, startPolicy } from "./app.ts";
import { endpointFor, node, pod, service, slice } from "./testing/builders.ts";
import { addUp, type ProgramUnderTest, receive, startProgram } from "./testing/harness.ts";

const { pods, services, endpointSlices, nodes } = resources;
const podA = pod({ name: "a", ip: "10.0.0.1", serviceAccount: "api" });
const podB = pod({ name: "b", ip: "10.0.0.2", meshed: false, node: "node-b" });
const path = "api.web.svc.cluster.local:80";
const token = JSON.stringify({ ns: "web", nodeName: "node-a", pod: "client" });

function fill(api: FakeApi): void {
  api.put(nodes, node("node-a", "z1"));
  api.put(nodes, node("node-b", "z2"));
  api.put(services, service({ name: "api", ip: "10.96.0.1" }));
  api.put(pods, podA);
  api.put(pods, podB);
  api.put(endpointSlices, slice({ service: "api", endpoints: [endpointFor(podA), endpointFor(podB)] }));
}

const programs: ProgramUnderTest[] = [];
afterEach(async () => {
  for (const program of programs.splice(0)) await program.stop();
});

async function destination(...args: string[]): Promise<ProgramUnderTest> {
  const all = ["--addr=127.0.0.1:0", "--metrics-addr=127.0.0.1:0", ...args];
  const program = await startProgram(startDestination, all, fill);
  programs.push(program);
  return program;
}
async function policy(...args: string[]): Promise<ProgramUnderTest> {
  const all = ["--grpc-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0", "--admission-controller-disabled", ...args];
  const program = await startProgram(startPolicy, all, fill);
  programs.push(program);
  return program;
}

describe("Destination.Get", () => {
  test("sends the endpoints with identity, hints, weights and labels", async () => {
    const program = await destination();
    const stream = receive(program.client(), Destination.method.get, { path, contextToken: token });
    await stream.when(() => stream.messages.length > 0);
    const [first] = stream.messages;
    if (first?.update.case !== "add") throw new Error("not an add");
    expect(first.update.value.metricLabels).toEqual({ namespace: "web", service: "api" });
    const [a, b] = [...addUp(stream.messages).values()];
    expect(a).toMatchObject({
      weight: 10_000,
      tlsIdentity: {
        strategy: { case: "dnsLikeIdentity", value: { name: "api.web.serviceaccount.identity.linkerd.cluster.local" } },
        serverName: { name: "api.web.serviceaccount.identity.linkerd.cluster.local" },
      },
      protocolHint: { protocol: { case: "h2" }, opaqueTransport: { inboundPort: 4143 } },
      metricLabels: {
        pod: "a",
        serviceaccount: "api",
        control_plane_ns: "linkerd",
        zone: "z1",
        zone_locality: "local",
      },
    });
    expect(b?.tlsIdentity).toBeUndefined();
    expect(b?.protocolHint).toBeUndefined();
    expect(b?.metricLabels).toMatchObject({ pod: "b", zone: "z2", zone_locality: "remote" });
  });

  test("a Service that is not there does not exist, and its endpoints come when it does", async () => {
    const program = await destination();
    const stream = receive(program.client(), Destination.method.get, { path: "new.web.svc.cluster.local:80" });
    await stream.when(() => stream.messages.length === 1);
    expect(stream.messages[0]?.update).toMatchObject({ case: "noEndpoints", value: { exists: false } });
    program.api.put(services, service({ name: "new", ip: "10.96.0.2" }));
    await stream.when(() => stream.messages.length === 2);
    expect(stream.messages[1]?.update).toMatchObject({ case: "noEndpoints", value: { exists: true } });
    program.api.put(endpointSlices, slice({ service: "new", endpoints: [endpointFor(podA)] }));
    await stream.when(() => addUp(stream.messages).size === 1);
  });

  test.each([
    ["10.0.0.1:8080", 3, "is an IP address"],
    ["example.com:80", 3, "is not a Service's name"],
    ["api.web.svc.cluster.local:x", 3, "is not a host and port"],
  ])("refuses %s", async (bad, code, message) => {
    const program = await destination();
    const stream = receive(program.client(), Destination.method.get, { path: bad });
    await stream.when(() => stream.ended !== null);
    expect(stream.ended?.code).toBe(code);
    expect(stream.ended?.message).toContain(message);
  });

  test("counts streams and updates, and forgets what nobody follows", async () => {
    const program = await destination();
    const stream = receive(program.client(), Destination.method.get, { path, contextToken: "garbage{" });
    await stream.when(() => stream.messages.length > 0);
    const labels = 'cluster="local",hostname="",namespace="web",port="80",service="api"';
    expect(await program.metrics()).toContain(`endpoints_subscribers{${labels}} 1\n`);
    expect(await program.metrics()).toContain(`endpoints_pods{${labels}} 2\n`);
    expect(await program.metrics()).toContain(`endpoints_updates{${labels}} 1\n`);
    expect(await program.metrics()).toContain("index_watched_values 1\n");
    stream.cancel();
    while (!(await program.metrics()).includes("index_watched_values 0\n")) await Bun.sleep(1);
    expect(await program.metrics()).toContain(`endpoints_subscribers{${labels}} 0\n`);
  });

  test("rapid churn with broken watches never leaves a stale endpoint or loses a live one", async () => {
    const program = await destination();
    const { api } = program;
    const random = seededRandom(7);
    const clients = [1, 2, 3].map(() => receive(program.client(), Destination.method.get, { path }));
    const live = new Map<string, SliceEndpoint>();
    const publish = (): void => {
      api.put(endpointSlices, slice({ service: "api", endpoints: [...live.values()] }));
    };
    for (let step = 0; step < 400; step++) {
      const name = `p${Math.floor(random.next() * 30)}`;
      const dice = random.next();
      if (live.has(name) && dice < 0.6) {
        live.delete(name);
        // Sometimes the pod goes first, sometimes its entry in the slice does.
        if (dice < 0.3) api.remove(pods, name, "web");
        publish();
        if (dice >= 0.3) api.remove(pods, name, "web");
      } else if (!live.has(name)) {
        const fresh = pod({ name, ip: `10.1.${step >> 8}.${step & 255}`, uid: `uid-${step}` });
        live.set(name, endpointFor(fresh));
        if (dice < 0.5) publish();
        api.put(pods, fresh);
        if (dice >= 0.5) publish();
      }
      if (dice > 0.97) api.endWatches("broken");
      if (dice < 0.02) {
        api.endWatches("orderly");
        api.compact();
      }
      if (step % 7 === 0) await Bun.sleep(1);
    }
    const expected = [...live.values()].map(({ addresses }) => `${addresses[0]}:8080`).toSorted();
    for (const client of clients) {
      await client.when(() => Bun.deepEquals([...addUp(client.messages).keys()].toSorted(), expected));
    }
  });

  test("a client that does not keep up is cut, counted and logged; others are not held back", async () => {
    const program = await destination("--stream-queue-capacity=10");
    const many = Array.from({ length: 400 }, (_, i) => pod({ name: `m${i}`, ip: `10.2.${i >> 8}.${i & 255}` }));
    for (const object of many) program.api.put(pods, object);
    const put = (count: number): void => {
      const endpoints = many.slice(0, count).map((object) => endpointFor(object));
      program.api.put(endpointSlices, slice({ service: "api", endpoints }));
    };
    put(400);
    const sockets: Socket[] = [];
    const slow = receive(
      program.client((socket) => sockets.push(socket)),
      Destination.method.get,
      { path },
    );
    const quick = receive(program.client(), Destination.method.get, { path });
    await slow.when(() => slow.messages.length > 0);
    await quick.when(() => addUp(quick.messages).size === 400);
    sockets[0]?.pause();
    for (let round = 0; round < 60; round++) {
      const size = round % 2 === 0 ? 1 : 400;
      put(size);
      await quick.when(() => addUp(quick.messages).size === size);
    }
    const counted = 'endpoint_updates_queue_overflow{namespace="web",service="api"} 1\n';
    while (!(await program.metrics()).includes(counted)) await Bun.sleep(1);
    expect(program.lines.some((line) => line.includes("did not keep up"))).toBe(true);
    sockets[0]?.resume();
    await slow.when(() => slow.ended !== null);
    expect(quick.ended).toBe(null);
    // 12,000 endpoints go over the wire: seconds on a machine that others use too.
  }, 60_000);

  test("a program that stops tells its streams to go elsewhere", async () => {
    const program = await destination();
    const stream = receive(program.client(), Destination.method.get, { path });
    await stream.when(() => stream.messages.length > 0);
    const drained = program.drain.start();
    await stream.when(() => stream.ended !== null);
    expect(stream.ended).toMatchObject({ code: 14, message: "The server is shutting down" });
    expect((await fetch(`http://127.0.0.1:${program.adminPort}/ready`)).status).toBe(503);
    await drained;
  });
});

describe("Destination.GetProfile", () => {
  test("names the Service of an address and describes the pod of one", async () => {
    const program = await destination();
    const client = program.client();
    const ofService = receive(client, Destination.method.getProfile, { path: "10.96.0.1:80", contextToken: token });
    await ofService.when(() => ofService.messages.length > 0);
    expect(ofService.messages[0]).toMatchObject({
      fullyQualifiedName: "api.web.svc.cluster.local",
      opaqueProtocol: false,
      retryBudget: { minRetriesPerSecond: 10, ttl: { seconds: 10n } },
      parentRef: { kind: { case: "resource", value: { group: "core", kind: "Service", name: "api", port: 80 } } },
    });
    const ofPod = receive(client, Destination.method.getProfile, { path: "10.0.0.1:8080", contextToken: token });
    await ofPod.when(() => ofPod.messages.length > 0);
    expect(ofPod.messages[0]).toMatchObject({
      fullyQualifiedName: "",
      endpoint: { metricLabels: { namespace: "web", pod: "a", zone_locality: "local" }, weight: 10_000 },
    });
  });
});

describe("the policy services", () => {
  test("answer the default policy of a port, once and as a stream", async () => {
    const program = await policy("--default-policy=cluster-authenticated", "--cluster-networks=10.0.0.0/8");
    const client = program.client();
    const spec = { workload: JSON.stringify({ ns: "web", pod: "a" }), port: 8080 };
    const once = await client.unary(InboundServerPolicies.method.getPort, spec);
    expect(once).toMatchObject({
      labels: { group: "", kind: "default", name: "cluster-authenticated" },
      protocol: { kind: { case: "detect", value: { timeout: { seconds: 10n } } } },
      serverIps: [{ ip: { case: "ipv4", value: 0x0a000001 } }],
      authorizations: [
        {
          networks: [{ net: { prefixLen: 8 } }],
          authentication: { permit: { case: "meshTLS", value: { clients: { case: "identities" } } } },
          labels: { kind: "default", name: "cluster-authenticated" },
        },
      ],
    });
    const stream = receive(client, InboundServerPolicies.method.watchPort, spec);
    await stream.when(() => stream.messages.length === 1);
    expect(stream.messages[0]).toEqual(once);
    const annotations = {
      "config.linkerd.io/default-inbound-policy": "deny",
      "config.linkerd.io/opaque-ports": "8080",
    };
    program.api.put(pods, pod({ name: "a", ip: "10.0.0.1", annotations }));
    await stream.when(() => stream.messages.length === 2);
    expect(stream.messages[1]).toMatchObject({ authorizations: [], protocol: { kind: { case: "opaque" } } });
    program.api.remove(pods, "a", "web");
    await stream.when(() => stream.ended !== null);
    expect(stream.ended).toMatchObject({ code: 5, message: 'Pod "a" in namespace "web" is not known' });
  });

  test("wait a moment for a pod whose proxy is faster than the news of it", async () => {
    const program = await policy();
    const stream = receive(program.client(), InboundServerPolicies.method.watchPort, { workload: "web:new", port: 80 });
    program.api.put(pods, pod({ name: "new", ip: "10.0.0.9" }));
    await stream.when(() => stream.messages.length === 1);
    expect(stream.ended).toBe(null);
  });

  test("give a Service's traffic to the balancer of its name", async () => {
    const program = await policy();
    const client = program.client();
    const addr = tcpAddress({ ip: "10.96.0.1", port: 80 });
    if (addr === null) throw new Error("no address");
    const found = await client.unary(OutboundPolicies.method.get, {
      sourceWorkload: token,
      target: { case: "addr", value: addr },
    });
    if (found.protocol?.kind.case !== "detect") throw new Error("not detect");
    const rule = found.protocol.kind.value.http1?.routes[0]?.rules[0];
    expect(rule?.backends?.kind).toMatchObject({
      case: "firstAvailable",
      value: {
        backends: [
          {
            backend: {
              kind: { case: "balancer", value: { discovery: { kind: { case: "dst", value: { path } } } } },
              queue: { capacity: 100, failfastTimeout: { seconds: 3n } },
            },
          },
        ],
      },
    });
    const byName = await client.unary(OutboundPolicies.method.get, { target: { case: "authority", value: path } });
    expect(byName).toEqual(found);
  });

  test("refuse a port that the Service does not declare, and know nothing of unknown addresses", async () => {
    const program = await policy();
    const client = program.client();
    const ask = (ip: string, port: number) => {
      const value = tcpAddress({ ip, port });
      if (value === null) throw new Error("no address");
      return receive(client, OutboundPolicies.method.watch, { target: { case: "addr", value } });
    };
    const undeclared = ask("10.96.0.1", 9999);
    await undeclared.when(() => undeclared.messages.length === 1);
    expect(undeclared.messages[0]?.protocol?.kind).toMatchObject({
      case: "opaque",
      value: { routes: [{ rules: [{ filters: [{ kind: { case: "forbidden" } }] }] }] },
    });
    const unknown = ask("10.77.0.1", 80);
    await unknown.when(() => unknown.ended !== null);
    expect(unknown.ended).toMatchObject({ code: 5, message: 'Nothing is known of "10.77.0.1:80"' });
    const outside = ask("192.0.2.1", 443);
    await outside.when(() => outside.messages.length === 1);
    expect(outside.messages[0]?.metadata?.kind).toEqual({ case: "default", value: "egress-fallback" });
  });
});
