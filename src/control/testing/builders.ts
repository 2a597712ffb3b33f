/** Kubernetes objects for tests, meshed pods in the shape that the injector gives them. */
import type { Container, Pod, Service } from "#kube/types/core.ts";
import type { EndpointSlice, SliceEndpoint } from "#kube/types/discovery.ts";
import type { KubeObject } from "#kube/types/meta.ts";

export interface PodOptions {
  readonly namespace?: string;
  readonly name: string;
  readonly ip?: string;
  readonly uid?: string;
  /** Default true. */
  readonly meshed?: boolean;
  readonly trustDomain?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly serviceAccount?: string;
  readonly node?: string;
  readonly hostname?: string;
  readonly subdomain?: string;
  readonly hostNetwork?: boolean;
  /** The ReplicaSet that owns it. */
  readonly replicaSet?: string;
  readonly containers?: readonly Container[];
  /** Besides the mesh's own. */
  readonly initContainers?: readonly Container[];
  readonly terminating?: boolean;
  readonly phase?: "Running" | "Succeeded";
}

const proxy: Container = {
  name: "linkerd-proxy",
  restartPolicy: "Always",
  env: [
    { name: "_l5d_ns", value: "linkerd" },
    { name: "LINKERD2_PROXY_INBOUND_LISTEN_ADDR", value: "[::]:4143" },
    { name: "LINKERD2_PROXY_ADMIN_LISTEN_ADDR", value: "[::]:4191" },
    { name: "LINKERD2_PROXY_CONTROL_LISTEN_ADDR", value: "[::]:4190" },
  ],
  livenessProbe: { httpGet: { path: "/live", port: 4191 } },
};
const init: Container = {
  name: "linkerd-init",
  args: ["--incoming-proxy-port", "4143", "--inbound-ports-to-ignore", "4190,4191,4567,4568"],
};

export function pod(options: PodOptions): Pod {
  const { namespace = "web", name, ip, meshed = true, replicaSet } = options;
  const env = [...(proxy.env ?? []), { name: "_l5d_trustdomain", value: options.trustDomain ?? "cluster.local" }];
  return {
    metadata: {
      namespace,
      name,
      uid: options.uid ?? `uid-${name}`,
      labels: { ...(meshed ? { "linkerd.io/control-plane-ns": "linkerd" } : {}), ...options.labels },
      annotations: options.annotations ?? {},
      ...(options.terminating === true ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
      ...(replicaSet === undefined
        ? {}
        : {
            ownerReferences: [
              { apiVersion: "apps/v1", kind: "ReplicaSet", name: replicaSet, uid: "rs", controller: true },
            ],
          }),
    },
    spec: {
      nodeName: options.node ?? "node-a",
      serviceAccountName: options.serviceAccount ?? "default",
      ...(options.hostname === undefined ? {} : { hostname: options.hostname }),
      ...(options.subdomain === undefined ? {} : { subdomain: options.subdomain }),
      ...(options.hostNetwork === undefined ? {} : { hostNetwork: options.hostNetwork }),
      containers: options.containers ?? [{ name: "app", ports: [{ name: "http", containerPort: 8080 }] }],
      initContainers: [...(meshed ? [init, { ...proxy, env }] : []), ...(options.initContainers ?? [])],
    },
    status: {
      phase: options.phase ?? "Running",
      ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }),
    },
  };
}

/** An ExternalWorkload of namespace "web" with the port "http" 8080. */
export function externalWorkload(
  name: string,
  ip: string,
  options: { readonly ready?: boolean; readonly labels?: Record<string, string>; readonly identity?: string } = {},
): KubeObject {
  const { ready = true, labels = { app: "api" }, identity = `spiffe://root.linkerd.cluster.local/${name}` } = options;
  return {
    apiVersion: "workload.linkerd.io/v1beta1",
    kind: "ExternalWorkload",
    metadata: { namespace: "web", name, uid: `uid-${name}`, labels },
    spec: {
      meshTLS: { identity, serverName: `${name}.example.com` },
      ports: [{ name: "http", port: 8080 }],
      workloadIPs: [{ ip }],
    },
    status: { conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
  } as KubeObject;
}

export interface ServiceOptions {
  readonly namespace?: string;
  readonly name: string;
  /** Default "10.96.0.10"; "None" for headless. */
  readonly ip?: string;
  /** Service port to its name; default 80 "http". */
  readonly ports?: ReadonlyArray<{ name?: string; port: number; appProtocol?: string; targetPort?: number | string }>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly nodeLocal?: boolean;
  readonly externalName?: string;
  readonly selector?: Readonly<Record<string, string>>;
}

export function service(options: ServiceOptions): Service {
  const { namespace = "web", name, ip = "10.96.0.10" } = options;
  return {
    metadata: { namespace, name, annotations: options.annotations ?? {} },
    spec:
      options.externalName === undefined
        ? {
            clusterIP: ip,
            clusterIPs: [ip],
            ports: options.ports ?? [{ name: "http", port: 80 }],
            ...(options.selector === undefined ? {} : { selector: options.selector }),
            ...(options.nodeLocal === true ? { internalTrafficPolicy: "Local" } : {}),
          }
        : { type: "ExternalName", externalName: options.externalName },
  };
}

export interface SliceOptions {
  readonly namespace?: string;
  readonly service: string;
  readonly name?: string;
  readonly family?: "IPv4" | "IPv6";
  /** Default 8080 "http". */
  readonly ports?: ReadonlyArray<{ name?: string; port?: number }>;
  readonly endpoints: readonly SliceEndpoint[];
}

export function slice(options: SliceOptions): EndpointSlice {
  const { namespace = "web", service: name } = options;
  return {
    metadata: {
      namespace,
      name: options.name ?? `${name}-1`,
      labels: { "kubernetes.io/service-name": name },
    },
    addressType: options.family ?? "IPv4",
    ports: options.ports ?? [{ name: "http", port: 8080 }],
    endpoints: options.endpoints,
  };
}

/** A ready endpoint that is the pod. */
export function endpointFor(of: Pod, extra: Partial<SliceEndpoint> = {}): SliceEndpoint {
  return {
    addresses: [of.status?.podIP ?? ""],
    conditions: { ready: true },
    ...(of.spec.nodeName === undefined ? {} : { nodeName: of.spec.nodeName }),
    targetRef: {
      kind: "Pod",
      namespace: of.metadata.namespace ?? "",
      name: of.metadata.name,
      uid: of.metadata.uid ?? "",
    },
    ...extra,
  };
}

export function namespace(name: string, annotations: Readonly<Record<string, string>> = {}): KubeObject {
  return { metadata: { name, annotations } };
}

export function node(name: string, zone: string): KubeObject {
  return { metadata: { name, labels: { "topology.kubernetes.io/zone": zone } } };
}

export function replicaSet(name: string, deployment: string, ns = "web"): KubeObject {
  const ownerReferences = [{ apiVersion: "apps/v1", kind: "Deployment", name: deployment, uid: "d", controller: true }];
  return { metadata: { namespace: ns, name, ownerReferences } };
}
