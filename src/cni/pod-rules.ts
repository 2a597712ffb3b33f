/** Which rules a pod needs: the node's settings with what the pod says about itself. Pure. */
import { MeshError } from "#lib/errors.ts";
import type { Container, Pod } from "#kube/types/core.ts";
import type { PortRange } from "#lib/port-list.ts";
import { parsePorts, parseSubnet, type RedirectSettings } from "./rules.ts";

const proxyContainer = "linkerd-proxy";
const initContainer = "linkerd-init";
export const validatorContainer = "linkerd-network-validator";

/** A container with the fields that only matter here. */
interface SecuredContainer extends Container {
  readonly securityContext?: { readonly runAsUser?: number };
}

export type PodRules =
  | { readonly kind: "redirect"; readonly settings: RedirectSettings }
  /** Nothing to do, and why. */
  | { readonly kind: "none"; readonly reason: string };

function containersOf(pod: Pod): SecuredContainer[] {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
}

/** What to redirect in this pod. Throws "invalid-argument" naming a bad annotation. */
export function podRules(pod: Pod, node: RedirectSettings): PodRules {
  const containers = containersOf(pod);
  const proxy = containers.find(({ name }) => name === proxyContainer);
  if (proxy === undefined) return { kind: "none", reason: `it has no container "${proxyContainer}"` };
  if (containers.some(({ name }) => name === initContainer)) {
    return { kind: "none", reason: `its container "${initContainer}" does it` };
  }
  if (pod.spec.hostNetwork === true) return { kind: "none", reason: "it uses the network of the node" };
  const annotation = (key: string): string | undefined => pod.metadata.annotations?.[`config.linkerd.io/${key}`];
  const number = (key: string, least: number, most: number): number | null => {
    const text = annotation(key);
    if (text === undefined) return null;
    const value = Number(text);
    if (/^\d{1,10}$/.test(text) && value >= least && value <= most) return value;
    throw new MeshError(
      "invalid-argument",
      `Annotation "config.linkerd.io/${key}" is "${text}", not a number from ${least} to ${most}`,
    );
  };
  const port = (key: string): number | null => number(key, 1, 65535);
  const named = namedPorts(containers);
  const ports = (key: string): readonly PortRange[] | null => {
    const text = annotation(key);
    if (text === undefined) return null;
    const parts = text.split(",").map((part) => named.get(part.trim()) ?? part);
    return parsePorts(parts.join(","), `Annotation "config.linkerd.io/${key}"`);
  };
  const subnets = annotation("skip-subnets")
    ?.split(",")
    .filter((text) => text.trim() !== "")
    .map((text) => parseSubnet(text.trim(), `Annotation "config.linkerd.io/skip-subnets"`));
  // The proxy's own ports pass whatever else is said about skipped ports.
  const own = [port("control-port") ?? 4190, port("admin-port") ?? 4191].map((value) => ({ from: value, to: value }));
  return {
    kind: "redirect",
    settings: {
      ...node,
      inboundPort: port("inbound-port") ?? node.inboundPort,
      outboundPort: port("outbound-port") ?? node.outboundPort,
      // The proxy container itself says as whom it runs.
      proxyUid: proxy.securityContext?.runAsUser ?? number("proxy-uid", 0, 0xffff_fffe) ?? node.proxyUid,
      proxyGid: number("proxy-gid", 0, 0xffff_fffe) ?? node.proxyGid,
      inboundSkipPorts: [...own, ...(ports("skip-inbound-ports") ?? node.inboundSkipPorts)],
      outboundSkipPorts: ports("skip-outbound-ports") ?? node.outboundSkipPorts,
      skipSubnets: subnets ?? node.skipSubnets,
    },
  };
}

function namedPorts(containers: readonly Container[]): Map<string, string> {
  const named = new Map<string, string>();
  for (const { ports } of containers) {
    for (const { name, containerPort } of ports ?? []) {
      if (name !== undefined && name !== "") named.set(name, String(containerPort));
    }
  }
  return named;
}
