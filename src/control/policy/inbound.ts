/** Which policy applies to a port of a pod. */
import { includesPort, type PortRange, readPortList } from "#lib/port-list.ts";
import type { Cidr } from "#lib/net-addr.ts";
import type { TrustScope } from "#model/identity.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Lease, Track } from "../index/derivations.ts";
import type { GrpcMatch, HttpMatch } from "../index/policy/route.ts";
import type { ServerRecord } from "../index/policy/server.ts";
import { listedPort } from "../index/port-list.ts";
import {
  defaultInboundPolicyAnnotation,
  opaquePortsAnnotation,
  requireIdentityAnnotation,
  type PortOwner,
} from "../index/workload.ts";
import type { DefaultPolicyName } from "#model/default-policy.ts";
import { denialsOf } from "./denials.ts";
import { serverAuthorizations } from "./authorizations.ts";
import { defaultAuthorizations, isDefaultPolicyName, withIdentity } from "./default-policy.ts";
import { builtIn, type InboundPolicy, type InboundProtocol, type InboundRoute } from "./inbound-policy.ts";
import { grpcRoutesOfServer, httpRoutesOfServer } from "./inbound-routes.ts";
import { rateLimitOf } from "./rate-limit.ts";
import { serverOfPort } from "../index/policy/server-of-port.ts";

export interface InboundSettings extends TrustScope {
  /** Where neither pod nor namespace says otherwise. */
  readonly defaultPolicy: DefaultPolicyName;
  readonly clusterNetworks: readonly Cidr[];
  /** Where kubelet probes come from; empty: probes get no permission of their own. */
  readonly probeNetworks: readonly Cidr[];
  readonly defaultOpaquePorts: readonly PortRange[];
}

/** How long a proxy looks at a connection's first bytes, ms. */
const detectTimeout = 10_000;

/** A port of a pod, or of an ExternalWorkload when that is named. */
export interface InboundTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly externalWorkload?: string;
  readonly port: number;
}

/** Null while the pod or ExternalWorkload is not known. */
export function watchInbound(
  index: ClusterIndex,
  settings: InboundSettings,
  target: InboundTarget,
): Lease<InboundPolicy | null> {
  const { namespace, externalWorkload = "", port } = target;
  const key = `inbound ${namespace}/${externalWorkload === "" ? target.pod : `external ${externalWorkload}`}:${port}`;
  const compute = (track: Track): InboundPolicy | null => {
    const pod: PortOwner | undefined =
      externalWorkload === ""
        ? index.pod(namespace, target.pod, track)
        : index.externalWorkload(namespace, externalWorkload, track);
    return pod === undefined ? null : inboundPolicy(index, settings, pod, port, track);
  };
  return index.derivations.acquire(key, compute, Bun.deepEquals);
}

/** By the Server that selects the pod's port, else by default. */
export function inboundPolicy(
  index: ClusterIndex,
  settings: InboundSettings,
  pod: PortOwner,
  port: number,
  track: Track,
): InboundPolicy {
  const server = serverOfPort(index, pod, port, track);
  const policy =
    server === null
      ? withoutServer(index, settings, pod, port, track)
      : withServer(index, settings, server, pod, port, track);
  const of = { namespace: pod.namespace, server: server?.name ?? null };
  const denials = denialsOf(index, settings, of, track);
  return denials.length === 0 ? policy : { ...policy, denials };
}

function withServer(
  index: ClusterIndex,
  settings: InboundSettings,
  server: ServerRecord,
  pod: PortOwner,
  port: number,
  track: Track,
): InboundPolicy {
  return {
    origin: { group: "policy.linkerd.io", kind: "server", name: server.name },
    protocol: protocolOf(index, settings, server, pod, port, track),
    serverIps: pod.ips,
    authorizations: [
      ...serverAuthorizations(index, settings, server, track),
      ...defaultAuthorizations(server.accessPolicy, settings.clusterNetworks),
    ],
    rateLimit: rateLimitOf(index, settings, server, track),
  };
}

function protocolOf(
  index: ClusterIndex,
  settings: InboundSettings,
  server: ServerRecord,
  pod: PortOwner,
  port: number,
  track: Track,
): InboundProtocol {
  switch (server.protocol) {
    case "opaque":
    case "tls":
      return { kind: server.protocol };
    case "grpc": {
      const { valid, broken } = grpcRoutesOfServer(index, settings, server, track);
      const routes = [...valid, ...broken];
      return { kind: "grpc", routes: routes.length > 0 ? routes : [defaultGrpcRoute] };
    }
    case "detect":
    case "http1":
    case "http2": {
      const { valid, broken } = httpRoutesOfServer(index, settings, server, track);
      // Whoever writes routes decides about probes too; a slip of the pen must not make the kubelet kill pods.
      const routes = [
        ...(valid.length > 0 ? valid : probeRoutes(settings, pod, port)),
        ...(valid.length + broken.length > 0 ? broken : [defaultHttpRoute]),
      ];
      return server.protocol === "detect"
        ? { kind: "detect", timeout: detectTimeout, routes }
        : { kind: server.protocol, routes };
    }
  }
}

function withoutServer(
  index: ClusterIndex,
  settings: InboundSettings,
  pod: PortOwner,
  port: number,
  track: Track,
): InboundPolicy {
  const opaque = listedPort(
    port,
    [pod.annotations[opaquePortsAnnotation], index.namespaceAnnotation(pod.namespace, opaquePortsAnnotation, track)],
    settings.defaultOpaquePorts,
    pod.namedPorts,
  );
  const name = defaultPolicyOf(index, settings, pod, port, track);
  return {
    origin: builtIn(name),
    protocol: opaque
      ? { kind: "opaque" }
      : { kind: "detect", timeout: detectTimeout, routes: [...probeRoutes(settings, pod, port), defaultHttpRoute] },
    serverIps: pod.ips,
    authorizations: defaultAuthorizations(name, settings.clusterNetworks),
    rateLimit: null,
  };
}

/** The pod's annotation, else its namespace's, else the cluster's setting; a value that is none of the six is passed over. */
function defaultPolicyOf(
  index: ClusterIndex,
  settings: InboundSettings,
  pod: PortOwner,
  port: number,
  track: Track,
): DefaultPolicyName {
  const values = [
    pod.annotations[defaultInboundPolicyAnnotation],
    index.namespaceAnnotation(pod.namespace, defaultInboundPolicyAnnotation, track),
  ];
  const set = values.find((value) => value !== undefined && isDefaultPolicyName(value));
  const name = set !== undefined && isDefaultPolicyName(set) ? set : settings.defaultPolicy;
  const required = readPortList(pod.annotations[requireIdentityAnnotation] ?? "", pod.namedPorts).ranges;
  return includesPort(required, port) ? withIdentity(name) : name;
}

const defaultGrpcRoute: InboundRoute<GrpcMatch> = {
  origin: builtIn("default"),
  hosts: [],
  authorizations: [],
  rules: [{ matches: [{ kind: "exact", service: null, method: null, headers: [] }], filters: [] }],
};

const everyRequest: HttpMatch = { path: { kind: "prefix", value: "/" }, method: null, headers: [], query: [] };

const defaultHttpRoute: InboundRoute<HttpMatch> = {
  origin: builtIn("default"),
  hosts: [],
  authorizations: [],
  rules: [{ matches: [everyRequest], filters: [] }],
};

/** The kubelet's probes, which come without identity and must get through whatever the policy is. */
function probeRoutes(settings: InboundSettings, pod: PortOwner, port: number): Array<InboundRoute<HttpMatch>> {
  const matches = pod.probes
    .filter((probe) => probe.port === port)
    .map((probe): HttpMatch => ({ ...everyRequest, path: { kind: "exact", value: probe.path }, method: "GET" }));
  if (matches.length === 0 || settings.probeNetworks.length === 0) return [];
  const networks = settings.probeNetworks.map((net) => ({ net, except: [] }));
  const authorization = { networks, clients: { kind: "any" }, origin: builtIn("probe") } as const;
  return [{ origin: builtIn("probe"), hosts: [], authorizations: [authorization], rules: [{ matches, filters: [] }] }];
}
