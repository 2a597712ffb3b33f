/**
 * As convergence.e2e.test.ts, for policy: 100 clients follow what becomes of requests to 20 Services and 100 servers follow who
 * may talk to 20 pods, through 10,000 random changes of HTTPRoutes and ServerAuthorizations, while another client reads nothing
 * at all. SOAK_CHANGES sets another number of changes.
 */
import { expect, test } from "bun:test";
import { seededRandom } from "#lib/random.ts";
import type { Socket } from "#lib/net/socket.ts";
import { resources } from "#kube/resource.ts";
import type { RpcClient } from "#rpc/client.ts";
import { InboundServerPolicies, type Server } from "#rpc/gen/inbound_pb.ts";
import { OutboundPolicies, type OutboundPolicy } from "#rpc/gen/outbound_pb.ts";
import { startPolicy } from "#control/app.ts";
import { pod, service } from "#control/testing/builders.ts";
import { startProgram } from "#control/testing/harness.ts";
import { policyObject } from "#control/testing/policy-objects.ts";
import { quiet, runHistory } from "./quiet-points.ts";

const changes = Number(process.env["SOAK_CHANGES"] ?? "10000");
const services = 20;
const clientsEach = 5;

const random = seededRandom(77);
const below = (end: number): number => Math.floor(random.next() * end);
const nameOf = (index: number): string => `svc-${index}`;

/** Where the Service's route sends what begins with "/v…": that beginning; "/" without a route. */
function routeOf({ protocol }: OutboundPolicy): string {
  if (protocol?.kind.case !== "detect") return "";
  const [match] = protocol.kind.value.http1?.routes[0]?.rules[0]?.matches ?? [];
  return match?.path?.kind.case === "prefix" ? match.path.kind.value : "/";
}

/** The identities that may talk to the port; "" for nobody. */
function permittedBy({ authorizations }: Server): string {
  return authorizations
    .map(({ authentication }) => authentication?.permit)
    .flatMap((permit) =>
      permit?.case === "meshTLS" && permit.value.clients.case === "identities" ? [permit.value] : [],
    )
    .flatMap(({ clients }) => (clients.case === "identities" ? clients.value.identities : []))
    .map(({ name }) => name)
    .join();
}

interface Follower {
  known: string;
  ended: boolean;
}

function followRoutes(client: RpcClient, index: number): Follower {
  const follower: Follower = { known: "unknown", ended: false };
  const authority = `${nameOf(index)}.web.svc.cluster.local:80`;
  client.serverStream(
    OutboundPolicies.method.watch,
    { sourceWorkload: '{"ns":"web","pod":"client"}', target: { case: "authority", value: authority } },
    {
      onMessage: (message) => void (follower.known = routeOf(message)),
      onEnd: () => void (follower.ended = true),
    },
  );
  return follower;
}

function followServer(client: RpcClient, index: number): Follower {
  const follower: Follower = { known: "unknown", ended: false };
  client.serverStream(
    InboundServerPolicies.method.watchPort,
    { workload: `web:${nameOf(index)}`, port: 8080 },
    {
      onMessage: (message) => void (follower.known = permittedBy(message)),
      onEnd: () => void (follower.ended = true),
    },
  );
  return follower;
}

test(`${changes} changes of policy reach ${2 * services * clientsEach} watchers, whatever a stuck one does`, async () => {
  const routes = Array.from({ length: services }, () => "/");
  const permitted = Array.from({ length: services }, () => "");
  const args = ["--grpc-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0", "--admission-controller-disabled"];
  const program = await startProgram(startPolicy, args, (api) => {
    for (let index = 0; index < services; index++) {
      const name = nameOf(index);
      api.put(resources.services, service({ name, ip: `10.96.0.${index + 1}` }));
      api.put(resources.pods, pod({ name, ip: `10.0.0.${index + 1}`, labels: { app: name } }));
      const spec = `{podSelector: {matchLabels: {app: ${name}}}, port: 8080}`;
      api.put(resources.servers, policyObject("Server", name, spec));
    }
  });
  let version = 0;
  const changeRoute = (index: number): void => {
    const name = nameOf(index);
    if (random.next() < 0.1) {
      routes[index] = "/";
      program.api.remove(resources.httpRoutes, name, "web");
      return;
    }
    const value = (routes[index] = `/v${++version}`);
    const spec = JSON.stringify({
      parentRefs: [{ group: "core", kind: "Service", name, port: 80 }],
      rules: [
        {
          matches: [{ path: { type: "PathPrefix", value } }],
          backendRefs: [{ name, port: 80, weight: 1 + below(100) }],
        },
      ],
    });
    program.api.put(resources.httpRoutes, policyObject("HTTPRoute", name, spec));
  };
  const changePermission = (index: number): void => {
    const name = nameOf(index);
    if (random.next() < 0.1) {
      permitted[index] = "";
      program.api.remove(resources.serverAuthorizations, name, "web");
      return;
    }
    const identity = (permitted[index] = `client-${++version}.example`);
    const spec = `{server: {name: ${name}}, client: {meshTLS: {identities: ["${identity}"]}}}`;
    program.api.put(resources.serverAuthorizations, policyObject("ServerAuthorization", name, spec));
  };
  try {
    const follow = (client: () => RpcClient, each: number) =>
      Array.from({ length: services }, (_, index) => {
        const own = client();
        return Array.from({ length: each }, () => ({
          route: followRoutes(own, index),
          server: followServer(own, index),
        }));
      });
    const followers = follow(() => program.client(), clientsEach);
    const stuck: Socket[] = [];
    const stuckClient = program.client((socket) => stuck.push(socket));
    const stuckFollowers = follow(() => stuckClient, 1).flat();
    const stale = (): number =>
      followers.reduce(
        (sum, group, index) =>
          sum +
          group.filter(({ route }) => route.known !== routes[index]).length +
          group.filter(({ server }) => server.known !== permitted[index]).length,
        0,
      );
    await quiet(stale);
    expect(stale()).toBe(0);
    stuck[0]?.pause();
    const { p99 } = await runHistory({
      changes,
      random,
      stale,
      change: () => (random.next() < 0.5 ? changeRoute(below(services)) : changePermission(below(services))),
    });
    expect(p99).toBeLessThan(1000);
    expect(followers.flat().filter(({ route, server }) => route.ended || server.ended)).toEqual([]);
    // Read at last, the stuck one hears that streams of it were cut, or what it missed.
    stuck[0]?.resume();
    const behind = (): boolean =>
      stuckFollowers.some(
        ({ route, server }, index) =>
          !((route.ended || route.known === routes[index]) && (server.ended || server.known === permitted[index])),
      );
    while (behind()) await Bun.sleep(10);
  } finally {
    await program.stop();
  }
}, 300_000);
