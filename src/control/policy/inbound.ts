/** Which policy applies to a port of a pod. */
import { includesPort, type PortRange } from "#model/opaque-ports.ts";
import type { Cidr } from "#lib/net-addr.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { Lease, Track } from "../index/derivations.ts";
import { listedPort, parsePortList } from "../index/port-list.ts";
import {
  defaultInboundPolicyAnnotation,
  opaquePortsAnnotation,
  requireIdentityAnnotation,
  type Workload,
} from "../index/workload.ts";
import type { DefaultPolicyName } from "#model/default-policy.ts";
import { defaultAuthorizations, isDefaultPolicyName, withIdentity } from "./default-policy.ts";
import { builtIn, type InboundPolicy, type InboundRoute } from "./inbound-policy.ts";

export interface InboundSettings {
  /** Where neither pod nor namespace says otherwise. */
  readonly defaultPolicy: DefaultPolicyName;
  readonly clusterNetworks: readonly Cidr[];
  /** Where kubelet probes come from; empty: probes get no permission of their own. */
  readonly probeNetworks: readonly Cidr[];
  readonly defaultOpaquePorts: readonly PortRange[];
}

/** How long a proxy looks at a connection's first bytes, ms. */
const detectTimeout = 10_000;

/** Null while the pod is not known. */
export function watchInbound(
  index: ClusterIndex,
  settings: InboundSettings,
  target: { readonly namespace: string; readonly pod: string; readonly port: number },
): Lease<InboundPolicy | null> {
  const key = `inbound ${target.namespace}/${target.pod}:${target.port}`;
  const compute = (track: Track): InboundPolicy | null => {
    const pod = index.pod(target.namespace, target.pod, track);
    return pod === undefined ? null : inboundPolicy(index, settings, pod, target.port, track);
  };
  return index.derivations.acquire(key, compute, Bun.deepEquals);
}

/** Today always a default: a Server resource that selects the pod and port will come first here. */
export function inboundPolicy(
  index: ClusterIndex,
  settings: InboundSettings,
  pod: Workload,
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
    protocol: opaque ? { kind: "opaque" } : { kind: "detect", timeout: detectTimeout },
    serverIps: pod.ips,
    authorizations: defaultAuthorizations(name, settings.clusterNetworks),
    routes: opaque ? [] : defaultRoutes(settings, pod, port),
  };
}

/** The pod's annotation, else its namespace's, else the cluster's setting; a value that is none of the six is passed over. */
function defaultPolicyOf(
  index: ClusterIndex,
  settings: InboundSettings,
  pod: Workload,
  port: number,
  track: Track,
): DefaultPolicyName {
  const values = [
    pod.annotations[defaultInboundPolicyAnnotation],
    index.namespaceAnnotation(pod.namespace, defaultInboundPolicyAnnotation, track),
  ];
  const set = values.find((value) => value !== undefined && isDefaultPolicyName(value));
  const name = set !== undefined && isDefaultPolicyName(set) ? set : settings.defaultPolicy;
  const required = parsePortList(pod.annotations[requireIdentityAnnotation] ?? "", pod.namedPorts).ranges;
  return includesPort(required, port) ? withIdentity(name) : name;
}

/** Every request, and the kubelet's probes, which come without identity and must get through whatever the policy is. */
function defaultRoutes(settings: InboundSettings, pod: Workload, port: number): InboundRoute[] {
  const routes: InboundRoute[] = [{ origin: builtIn("default"), authorizations: [], getPaths: [] }];
  const paths = pod.probes.filter((probe) => probe.port === port).map(({ path }) => path);
  if (paths.length > 0 && settings.probeNetworks.length > 0) {
    const networks = settings.probeNetworks.map((net) => ({ net, except: [] }));
    const authorization = { networks, clients: { kind: "any" }, origin: builtIn("probe") } as const;
    routes.unshift({ origin: builtIn("probe"), authorizations: [authorization], getPaths: paths });
  }
  return routes;
}
