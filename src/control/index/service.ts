import { MeshError } from "#lib/errors.ts";
import type { Service } from "#kube/types/core.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import type { IndexedObject } from "./object-index.ts";
import { Shared } from "./shared.ts";

export interface ServicePortRecord {
  /** "" for the only, unnamed port. */
  readonly name: string;
  readonly port: number;
  readonly appProtocol: string | null;
  /** Of the endpoints: a number or the name of a port. */
  readonly targetPort: number | string;
}

export interface ServiceRecord extends IndexedObject {
  readonly namespace: string;
  readonly name: string;
  readonly kind: "cluster-ip" | "headless" | "external-name";
  readonly clusterIps: readonly string[];
  /** TCP ports only. */
  readonly ports: readonly ServicePortRecord[];
  /** Those of the mesh only. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** `internalTrafficPolicy: Local`: only endpoints on the client's own node. */
  readonly nodeLocal: boolean;
  /** Which workloads are behind it; null: none by themselves. */
  readonly selector: Readonly<Record<string, string>> | null;
}

/** Keeps of a Service what the mesh needs. */
export function decodeService(object: KubeObject, shared = new Shared()): ServiceRecord {
  const service = object as Service;
  const { name } = service.metadata;
  const namespace = shared.text(service.metadata.namespace ?? "");
  if (typeof service.spec !== "object" || service.spec === null) {
    throw new MeshError("invalid-argument", `Service "${name}" has no spec`);
  }
  const { spec } = service;
  const annotations: Record<string, string> = {};
  for (const [key, value] of Object.entries(service.metadata.annotations ?? {})) {
    if (key.includes("linkerd.io/")) annotations[key] = value;
  }
  const ips = new Set([spec.clusterIP ?? "", ...(spec.clusterIPs ?? [])].filter((ip) => ip !== "" && ip !== "None"));
  return {
    metadata: { namespace, name, resourceVersion: service.metadata.resourceVersion ?? "" },
    namespace,
    name,
    kind: spec.type === "ExternalName" ? "external-name" : ips.size === 0 ? "headless" : "cluster-ip",
    clusterIps: [...ips],
    ports: shared.value(
      (spec.ports ?? [])
        .filter(({ protocol }) => protocol === undefined || protocol === "TCP")
        .map((port) => ({
          name: port.name ?? "",
          port: port.port,
          appProtocol: port.appProtocol ?? null,
          targetPort: port.targetPort ?? port.port,
        })),
    ),
    annotations: shared.value(annotations),
    labels: shared.value(service.metadata.labels ?? {}),
    nodeLocal: spec.internalTrafficPolicy === "Local",
    selector: spec.selector !== undefined && Object.keys(spec.selector).length > 0 ? shared.value(spec.selector) : null,
  };
}
