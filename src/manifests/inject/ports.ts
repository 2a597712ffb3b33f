/** Ports that a pod declares, and which of them or of a Service are opaque by default. */
import { includesPort, parsePortRanges } from "#lib/port-list.ts";
import { opaquePortsAnnotation } from "./keys.ts";
import { allContainers, type Container, type PodSpec } from "./pod.ts";

/** Names of the pod's ports, for annotations that may use them. */
export function namedPorts(spec: PodSpec): ReadonlyMap<string, number> {
  const result = new Map<string, number>();
  for (const { ports } of allContainers(spec)) {
    for (const { name, containerPort } of ports ?? []) {
      if (name !== undefined && name !== "" && containerPort !== undefined) result.set(name, containerPort);
    }
  }
  return result;
}

function probePorts({ readinessProbe, livenessProbe, startupProbe }: Container): number[] {
  return (
    [readinessProbe, livenessProbe, startupProbe]
      .map((probe) => probe?.httpGet?.port)
      // A probe may name a port instead; then the container declares it and it is counted there.
      .filter((port) => typeof port === "number")
  );
}

/** Every port on which the pod is known to listen: declared ones and those of HTTP probes, ascending: "8080,9990". */
export function podInboundPorts(spec: PodSpec): string {
  const found = new Set<number>();
  for (const container of allContainers(spec)) {
    for (const { containerPort } of container.ports ?? []) if (containerPort !== undefined) found.add(containerPort);
    for (const port of probePorts(container)) found.add(port);
  }
  return [...found].toSorted((a, b) => a - b).join(",");
}

/** The pod's declared ports that are opaque by default, as the annotation writes them; "" when there are none. */
export function podOpaquePorts(spec: PodSpec, defaultPorts: string): string {
  const opaque = parsePortRanges(defaultPorts);
  const declared = allContainers(spec).flatMap(({ ports }) => (ports ?? []).map(({ containerPort }) => containerPort));
  return unique(declared.filter((port) => port !== undefined && includesPort(opaque, port))).join(",");
}

/** The part of a Service that decides which of its ports are opaque. */
export interface ServicePorts {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> | null } | null;
  readonly spec?: {
    readonly ports?: ReadonlyArray<{ readonly port?: number; readonly targetPort?: number | string }> | null;
  } | null;
}

/**
 * The value of `config.linkerd.io/opaque-ports` that a Service is to get, or null when it has one or needs none: its
 * namespace's list, else those of its ports that lead to a port which is opaque by default. A port whose target is another
 * number follows the target (3306 → 80 is not MySQL), one with a named target is left alone.
 */
export function serviceOpaquePorts(
  service: ServicePorts,
  namespaceAnnotations: Readonly<Record<string, string>>,
  defaultPorts: string,
): string | null {
  if (service.metadata?.annotations?.[opaquePortsAnnotation] !== undefined) return null;
  const inherited = namespaceAnnotations[opaquePortsAnnotation];
  if (inherited !== undefined) return inherited;
  const opaque = parsePortRanges(defaultPorts);
  const found = (service.spec?.ports ?? [])
    .filter(({ port, targetPort }) => {
      const target = targetPort === undefined || targetPort === 0 ? port : targetPort;
      return typeof target === "number" && includesPort(opaque, target);
    })
    .map(({ port }) => port);
  const ports = unique(found);
  return ports.length > 0 ? ports.join(",") : null;
}

function unique(ports: ReadonlyArray<number | undefined>): number[] {
  return [...new Set(ports.filter((port) => port !== undefined))];
}
