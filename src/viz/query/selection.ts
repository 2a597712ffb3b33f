/** Which series belong to a resource: matchers on whose proxy it is, or on where requests go. */
import type { ResourceKind, ResourceRef } from "../metrics/resource.ts";
import type { StatPod } from "../metrics/stat.ts";
import type { Matcher } from "./source.ts";

/** What answers about a resource are asked with. */
export interface ResourceQuery {
  readonly resource: ResourceRef;
  /** ms */
  readonly window: number;
  readonly to?: ResourceRef;
  /** Only pods for which this is true. */
  readonly selects?: (labels: Readonly<Record<string, string>>) => boolean;
}

/** The label that names a pod's owner of a kind. "job" is Prometheus' own word. */
export function ownLabel(kind: ResourceKind): string {
  return kind === "job" ? "k8s_job" : kind;
}

/** The series of the resource's own proxies. */
export function ownMatchers({ resource, selects }: ResourceQuery, pods: Iterable<StatPod>): Matcher[] {
  const { kind, name, namespace } = resource;
  const label = ownLabel(kind);
  const matchers: Matcher[] = [];
  if (namespace !== null && kind !== "namespace") matchers.push({ label: "namespace", op: "=", value: namespace });
  matchers.push(name === null ? { label, op: "!=", value: "" } : { label, op: "=", value: name });
  if (selects !== undefined) {
    const names = [...pods].filter((pod) => selects(pod.labels)).map((pod) => pod.name);
    matchers.push({ label: "pod", op: "in", value: names });
  }
  return matchers;
}

/** Outbound series that go to the resource. */
export function destinationMatchers({ kind, name, namespace }: ResourceRef): Matcher[] {
  if (kind === "authority") return [named("authority", name)];
  const matchers = [named(`dst_${kind}`, name)];
  if (namespace !== null && kind !== "namespace") matchers.push({ label: "dst_namespace", op: "=", value: namespace });
  return matchers;
}

function named(label: string, name: string | null): Matcher {
  return name === null ? { label, op: "!=", value: "" } : { label, op: "=", value: name };
}

export const direction = (value: "inbound" | "outbound"): Matcher => ({ label: "direction", op: "=", value });
