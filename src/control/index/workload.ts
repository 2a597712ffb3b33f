/** What the control plane knows of a pod: whether and how it is meshed is read back out of the pod itself. */
import { MeshError } from "#lib/errors.ts";
import { type PortRange, readPortList } from "#lib/port-list.ts";
import type { Container, Pod, Probe } from "#kube/types/core.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import type { ExternalIdentity } from "./external-workload.ts";
import type { IndexedObject } from "./object-index.ts";
import { Shared } from "./shared.ts";

export const proxyContainer = "linkerd-proxy";
export const initContainer = "linkerd-init";
export const controlPlaneNamespaceLabel = "linkerd.io/control-plane-ns";
export const opaquePortsAnnotation = "config.linkerd.io/opaque-ports";
export const skipInboundPortsAnnotation = "config.linkerd.io/skip-inbound-ports";
export const defaultInboundPolicyAnnotation = "config.linkerd.io/default-inbound-policy";
export const requireIdentityAnnotation = "config.linkerd.io/proxy-require-identity-inbound-ports";

/** The proxy in a meshed pod. */
export interface ProxyFacts {
  /** Whose mesh: the namespace of its control plane. */
  readonly controlPlaneNamespace: string;
  /** Null when the pod does not say: then it is the control plane's own. */
  readonly trustDomain: string | null;
  /** Where other proxies reach it. Default 4143. */
  readonly inboundPort: number;
  /** Ports that the proxy itself answers: metrics and readiness, tap. Default 4191, 4190. */
  readonly adminPort: number;
  readonly controlPort: number;
  /** Ports that bypass the proxy. */
  readonly skipInboundPorts: readonly PortRange[];
}

/** A kubelet probe over HTTP: it comes without identity and has to be let in. */
export interface ProbePath {
  readonly port: number;
  readonly path: string;
}

/** What policy must know of who has a port: a pod, or a machine outside of the cluster. */
export type PortOwner = Pick<
  Workload,
  "namespace" | "name" | "ips" | "labels" | "annotations" | "namedPorts" | "moreNamedPorts" | "probes"
> & {
  /** Only of an ExternalWorkload. */
  readonly external?: ExternalIdentity;
};

export interface Owner {
  readonly kind: string;
  readonly name: string;
}

export interface Workload extends IndexedObject {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** When it was created, as the API server writes it: "2026-01-01T00:00:00Z". */
  readonly created: string;
  /** Own addresses; empty before they are assigned and for pods in the host's network. */
  readonly ips: readonly string[];
  readonly hostNetwork: boolean;
  readonly node: string;
  readonly serviceAccount: string;
  /** With `subdomain`: the pod's name in DNS below its headless Service. */
  readonly hostname: string;
  readonly subdomain: string;
  readonly owner: Owner | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Those of the mesh only. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Being deleted. */
  readonly terminating: boolean;
  /** Succeeded or failed: it has given up its address. */
  readonly finished: boolean;
  /** Of containers and sidecars; of several with one name the first. */
  readonly namedPorts: Readonly<Record<string, number>>;
  /** The others: a name belongs to one container alone, and the next may have a port of that name, too. */
  readonly moreNamedPorts: ReadonlyArray<{ readonly name: string; readonly port: number }>;
  /** Null: not meshed. */
  readonly proxy: ProxyFacts | null;
  readonly probes: readonly ProbePath[];
}

/** Keeps of a pod what the mesh needs. Throws "invalid-argument" when it is none. */
export function decodeWorkload(object: KubeObject, shared = new Shared()): Workload {
  const pod = object as Pod;
  const { name, uid = "", labels = {} } = pod.metadata;
  const namespace = shared.text(pod.metadata.namespace ?? "");
  if (!Array.isArray(pod.spec?.containers)) throw new MeshError("invalid-argument", `Pod "${name}" has no containers`);
  const { spec, status = {} } = pod;
  const annotations: Record<string, string> = {};
  for (const [key, value] of Object.entries(pod.metadata.annotations ?? {})) {
    if (key.includes("linkerd.io/")) annotations[key] = value;
  }
  const hostNetwork = spec.hostNetwork === true;
  const ips = new Set<string>();
  if (!hostNetwork) {
    if (status.podIP !== undefined && status.podIP !== "") ips.add(status.podIP);
    for (const { ip } of status.podIPs ?? []) ips.add(ip);
  }
  const owner = pod.metadata.ownerReferences?.find((reference) => reference.controller === true);
  // Of init containers only those that stay (sidecars) listen on ports and are probed.
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  const lasting = [...spec.containers, ...sidecars];
  const { namedPorts, moreNamedPorts } = portNames(lasting);
  const proxy = proxyFacts(spec, labels, annotations, namedPorts);
  return {
    metadata: { namespace, name, resourceVersion: pod.metadata.resourceVersion ?? "" },
    namespace,
    name,
    uid,
    created: shared.text(pod.metadata.creationTimestamp ?? ""),
    ips: [...ips],
    hostNetwork,
    node: shared.text(spec.nodeName ?? ""),
    serviceAccount: shared.text(spec.serviceAccountName ?? spec.serviceAccount ?? "default"),
    hostname: spec.hostname ?? "",
    subdomain: spec.subdomain ?? "",
    owner: owner === undefined ? null : shared.value({ kind: shared.text(owner.kind), name: owner.name }),
    labels: shared.value(labels),
    annotations: shared.value(annotations),
    terminating: pod.metadata.deletionTimestamp !== undefined,
    finished: status.phase === "Succeeded" || status.phase === "Failed",
    namedPorts: shared.value(namedPorts),
    moreNamedPorts: shared.value(moreNamedPorts),
    proxy: proxy === null ? null : shared.value(proxy),
    probes: shared.value(probePaths(lasting, namedPorts)),
  };
}

function portNames(containers: readonly Container[]): Pick<Workload, "namedPorts" | "moreNamedPorts"> {
  const namedPorts: Record<string, number> = {};
  const more: Array<{ name: string; port: number }> = [];
  for (const container of containers) {
    for (const { name, containerPort: port } of container.ports ?? []) {
      if (name === undefined || namedPorts[name] === port) continue;
      if (Object.hasOwn(namedPorts, name)) more.push({ name, port });
      else namedPorts[name] = port;
    }
  }
  return { namedPorts, moreNamedPorts: more };
}

function proxyFacts(
  spec: Pod["spec"],
  labels: Readonly<Record<string, string>>,
  annotations: Readonly<Record<string, string>>,
  namedPorts: Readonly<Record<string, number>>,
): ProxyFacts | null {
  const controlPlaneNamespace = labels[controlPlaneNamespaceLabel];
  if (controlPlaneNamespace === undefined || controlPlaneNamespace === "") return null;
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const proxy = containers.find(({ name }) => name === proxyContainer);
  if (proxy === undefined) return null;
  const env = new Map((proxy.env ?? []).map(({ name, value }) => [name, value ?? ""]));
  const port = (name: string, fallback: number): number => {
    // A list of addresses has the same port in each.
    const match = /:(\d{1,5})(?:,|$)/.exec(env.get(`LINKERD2_PROXY_${name}_LISTEN_ADDR`) ?? "");
    const value = Number(match?.[1] ?? fallback);
    return value >= 1 && value <= 65535 ? value : fallback;
  };
  const trustDomain = env.get("_l5d_trustdomain") ?? "";
  const init = containers.find(({ name }) => name === initContainer);
  const skipped = annotations[skipInboundPortsAnnotation] ?? initArgument(init, "--inbound-ports-to-ignore");
  return {
    controlPlaneNamespace,
    trustDomain: trustDomain === "" ? null : trustDomain,
    inboundPort: port("INBOUND", 4143),
    adminPort: port("ADMIN", 4191),
    controlPort: port("CONTROL", 4190),
    skipInboundPorts: readPortList(skipped, namedPorts).ranges,
  };
}

/** The value of a flag, given as the next argument or after "="; "" when absent. */
function initArgument(container: Container | undefined, flag: string): string {
  const args = container?.args ?? [];
  const at = args.indexOf(flag);
  if (at >= 0) return args[at + 1] ?? "";
  return args.find((arg) => arg.startsWith(`${flag}=`))?.slice(flag.length + 1) ?? "";
}

function probePaths(containers: readonly Container[], namedPorts: Readonly<Record<string, number>>): ProbePath[] {
  const found = new Map<string, ProbePath>();
  const add = (probe: Probe | undefined): void => {
    const get = probe?.httpGet;
    if (get === undefined) return;
    const port = typeof get.port === "number" ? get.port : (namedPorts[get.port] ?? Number(get.port));
    if (!(port >= 1 && port <= 65535)) return;
    const path = get.path ?? "/";
    const withoutQuery = (path.startsWith("/") ? path : `/${path}`).split("?")[0] ?? "/";
    found.set(`${port}${withoutQuery}`, { port, path: withoutQuery });
  };
  for (const container of containers) {
    if (container.name === proxyContainer) continue;
    add(container.livenessProbe);
    add(container.readinessProbe);
    add(container.startupProbe);
  }
  return [...found.values()];
}
