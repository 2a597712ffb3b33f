/** The pods that can be looked into, and who has which address. */
import type { Pod, Service } from "#kube/types/core.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { matchesLabels, parseLabelSelector } from "#model/label-selector.ts";
import type { TapLabels } from "../client/tap-event.ts";
import type { TapRequest } from "../client/tap-request.ts";
import { scrapedPod } from "../metrics/pods.ts";
import type { ResourceKind } from "../metrics/resource.ts";

/** What is kept of a pod. */
export interface TapPod extends KubeObject {
  /** "NAMESPACE/NAME" */
  readonly target: string;
  readonly owners: ReadonlyMap<ResourceKind, string>;
  readonly labels: Readonly<Record<string, string>>;
  readonly ip: string | null;
  /** Where its proxy takes observers. */
  readonly port: number;
  readonly running: boolean;
  /** No proxy; a proxy that was started before tap was installed, or without; one that can be looked into. */
  readonly tap: "unmeshed" | "disabled" | "enabled";
  readonly hostNetwork: boolean;
}

/** By which a proxy knows who may look into it. */
export const tapNameVariable = "LINKERD2_PROXY_TAP_SVC_NAME";
const listenVariable = "LINKERD2_PROXY_CONTROL_LISTEN_ADDR";
const defaultPort = 4190;

export function tapPod(pod: Pod): TapPod {
  const { target, owners, labels, running, meshed, scrape } = scrapedPod(pod);
  const proxy = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find(
    ({ name }) => name === "linkerd-proxy",
  );
  const env = (name: string): string | undefined => proxy?.env?.find((variable) => variable.name === name)?.value;
  const { name, namespace } = pod.metadata;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    target,
    owners,
    labels,
    running,
    ip: scrape?.ip ?? pod.status?.podIP ?? null,
    port: Number(/:(\d+)$/.exec(env(listenVariable) ?? "")?.[1] ?? defaultPort),
    tap: !meshed ? "unmeshed" : (env(tapNameVariable) ?? "") === "" ? "disabled" : "enabled",
    hostNetwork: Reflect.get(pod.spec, "hostNetwork") === true,
  };
}

/** The labels by which a Service finds its pods; null: it has none. */
export interface TapService extends KubeObject {
  readonly selector: Readonly<Record<string, string>> | null;
}

export function tapService({ metadata, spec }: Service): TapService {
  const { name, namespace } = metadata;
  const selector = spec.selector ?? {};
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    selector: Object.keys(selector).length === 0 ? null : selector,
  };
}

/** A watch's handler; `onChange` is called after each change. */
export class ByName<T extends KubeObject> {
  readonly all = new Map<string, T>();
  private readonly onChange: () => void;

  constructor(onChange: () => void) {
    this.onChange = onChange;
  }

  apply(object: T): void {
    this.put(object);
    this.onChange();
  }

  delete(namespace: string, name: string): void {
    this.drop(`${namespace}/${name}`);
    this.onChange();
  }

  reset(all: readonly T[]): void {
    for (const key of [...this.all.keys()]) this.drop(key);
    for (const object of all) this.put(object);
    this.onChange();
  }

  protected put(object: T): void {
    this.all.set(`${object.metadata.namespace ?? ""}/${object.metadata.name}`, object);
  }

  protected drop(key: string): void {
    this.all.delete(key);
  }
}

export class TapPods extends ByName<TapPod> {
  private readonly byIp = new Map<string, TapPod>();

  protected override put(pod: TapPod): void {
    const before = this.all.get(pod.target);
    if (before !== undefined) this.forgetIp(before);
    super.put(pod);
    // Pods on the node's network share its address: it names none of them.
    if (pod.ip !== null && pod.running && !pod.hostNetwork) this.byIp.set(pod.ip, pod);
  }

  protected override drop(key: string): void {
    const before = this.all.get(key);
    if (before !== undefined) this.forgetIp(before);
    super.drop(key);
  }

  private forgetIp(pod: TapPod): void {
    if (pod.ip !== null && this.byIp.get(pod.ip)?.target === pod.target) this.byIp.delete(pod.ip);
  }

  /** What is known of whoever has an address; nothing for strangers. */
  labelsOf(ip: string): TapLabels {
    const pod = this.byIp.get(ip);
    if (pod === undefined) return nothing;
    const labels: Record<string, string> = { pod: pod.metadata.name, namespace: pod.metadata.namespace ?? "" };
    // A Deployment's pods also belong to a ReplicaSet; the outermost owner says enough.
    const [owner] = outermost.flatMap((kind) => {
      const name = pod.owners.get(kind);
      return name === undefined ? [] : [[kind, name] as const];
    });
    if (owner !== undefined) labels[owner[0] === "job" ? "k8s_job" : owner[0]] = owner[1];
    return labels;
  }
}

const nothing: TapLabels = {};
const outermost: readonly ResourceKind[] = [
  "deployment",
  "cronjob",
  "job",
  "daemonset",
  "statefulset",
  "replicaset",
  "replicationcontroller",
];

/** The running pods that a request is about, ordered by name. */
export function podsFor(
  request: Pick<TapRequest, "resource" | "selector">,
  pods: ReadonlyMap<string, TapPod>,
  services: ReadonlyMap<string, TapService>,
): TapPod[] {
  const { kind, name, namespace } = request.resource;
  const scope = kind === "namespace" ? name : namespace;
  const requirements = parseLabelSelector(request.selector ?? "");
  const ofService = (pod: TapPod): boolean =>
    [...services.values()].some(
      ({ metadata, selector }) =>
        metadata.namespace === namespace &&
        (name === null || metadata.name === name) &&
        selector !== null &&
        Object.entries(selector).every(([key, value]) => pod.labels[key] === value),
    );
  const concerns = (pod: TapPod): boolean => {
    switch (kind) {
      case "namespace":
        return true;
      case "pod":
        return name === null || pod.metadata.name === name;
      case "service":
        return ofService(pod);
      default: {
        const owner = pod.owners.get(kind);
        return owner !== undefined && (name === null || owner === name);
      }
    }
  };
  return [...pods.values()]
    .filter((pod) => pod.metadata.namespace === scope && pod.running && pod.ip !== null && concerns(pod))
    .filter((pod) => matchesLabels(requirements, pod.labels))
    .toSorted((a, b) => (a.target < b.target ? -1 : 1));
}
