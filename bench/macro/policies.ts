/** What a control plane tells a proxy in the bench beyond endpoints: who may, which routes there are, what is tried again. */
import { ipMessage } from "#rpc/address.ts";
import type { MessageInitShape } from "#rpc/protobuf/types.ts";
import type { ServerSchema } from "#rpc/gen/inbound_pb.ts";
import type { OutboundPolicySchema } from "#rpc/gen/outbound_pb.ts";

/** `policy`: a Server with routes and authorizations by identity. `routes`: routes with headers and methods. `retries`: on each route. */
export type Feature = "policy" | "routes" | "retries";

/** `http2` is what appProtocol kubernetes.io/h2c says of a Service. */
export type Protocol = "detect" | "opaque" | "http2";

type ServerMessage = MessageInitShape<typeof ServerSchema>;
type OutboundMessage = MessageInitShape<typeof OutboundPolicySchema>;

const networks = [{ net: { ip: ipMessage("0.0.0.0"), prefixLen: 0 } }];
const resource = (kind: string, name: string): object => ({
  kind: { case: "resource", value: { group: "policy.linkerd.io", kind, name, namespace: "bench" } },
});
const path = (value: string): object => ({ path: { kind: { case: "prefix", value } } });

/** Anybody may, as the default policy of an installation says. */
export function openServer(protocol: Protocol): ServerMessage {
  return {
    protocol: { kind: { case: protocol, value: {} } },
    authorizations: [
      {
        networks,
        authentication: { permit: { case: "unauthenticated", value: {} } },
        metadata: { kind: { case: "default", value: "all-unauthenticated" } },
      },
    ],
  } as ServerMessage;
}

/** Three routes, of which the last one takes the bench's requests, each for two sets of identities; ours is the last. */
export function guardedServer(protocol: Protocol, identity: string): ServerMessage {
  const permit = (...names: readonly string[]): object => ({
    networks,
    authentication: {
      permit: {
        case: "meshTLS",
        value: { clients: { case: "identities", value: { identities: names.map((name) => ({ name })) } } },
      },
    },
    metadata: resource("authorizationpolicy", `for-${names.length}`),
  });
  const others = ["one", "two", "three"].map((name) => `${name}.bench.serviceaccount.identity.linkerd.cluster.local`);
  const authorizations = [permit(...others), permit(identity)];
  const route = (name: string, prefix: string): object => ({
    metadata: resource("httproute", name),
    authorizations,
    rules: [{ matches: [path(prefix)], filters: [] }],
  });
  const routes = [route("admin", "/admin"), route("api", "/api/v1"), route("rest", "/")];
  return {
    protocol: { kind: { case: protocol, value: protocol === "detect" ? { httpRoutes: routes } : {} } },
    authorizations,
    labels: { group: "policy.linkerd.io", kind: "server", name: "app" },
  } as ServerMessage;
}

/** Of a Service with routes; null: it has none of its own, and its profile says all. */
export function outboundPolicy(
  authority: string,
  protocol: Protocol,
  features: readonly Feature[],
): OutboundMessage | null {
  const retries = features.includes("retries");
  if (protocol === "opaque" || (protocol === "detect" && !retries && !features.includes("routes"))) return null;
  const backend = {
    kind: { case: "balancer", value: { discovery: { kind: { case: "dst", value: { path: authority } } } } },
  };
  const backends = { kind: { case: "randomAvailable", value: { backends: [{ weight: 1, backend: { backend } }] } } };
  const retry = { maxRetries: 2, maxRequestBytes: 65_536, conditions: { statusRanges: [{ start: 500, end: 599 }] } };
  const rule = (match: object): object => ({ matches: [match], backends, ...(retries ? { retry } : {}) });
  const route = (name: string, rules: readonly object[]): object => ({ metadata: resource("HTTPRoute", name), rules });
  const canary = { ...path("/"), headers: [{ name: "x-canary", value: { case: "exact", value: Buffer.from("yes") } }] };
  const routes = features.includes("routes")
    ? [route("canary", [rule(canary)]), route("api", [rule(path("/api/v1"))]), route("rest", [rule(path("/"))])]
    : [route("rest", [rule(path("/"))])];
  return {
    metadata: resource("Service", "app"),
    protocol: {
      kind:
        protocol === "http2"
          ? { case: "http2", value: { routes } }
          : {
              case: "detect",
              value: { opaque: { routes: [{ rules: [{ backends }] }] }, http1: { routes }, http2: { routes } },
            },
    },
  } as unknown as OutboundMessage;
}
