/**
 * Everything that is watched, joined by name, address and Service:
 *
 *   Pod ── ip, owner ─┐                       Namespace (annotations)   Node (zone)
 *   Service ── ip ────┼── Service ports ── EndpointSlice ── Pod ── ReplicaSet, Job ── Deployment, CronJob
 *   policy resources ─┘
 *
 * Pure: objects go in through the members' apply, delete and reset; every read names its topic, so that `derivations` can
 * compute anew what depends on it.
 */
import type { Log } from "#lib/log.ts";
import type { ExternalWorkload } from "./external-workload.ts";
import { Derivations, type Track } from "./derivations.ts";
import { ObjectIndex, objectKey } from "./object-index.ts";
import { PolicyIndex } from "./policy/policy-index.ts";
import type { NamespaceRecord, NodeRecord, OwnerRecord } from "./scope.ts";
import type { ServiceRecord } from "./service.ts";
import type { SliceRecord } from "./slice.ts";
import type { Owner, Workload } from "./workload.ts";

export class ClusterIndex {
  readonly derivations: Derivations;
  readonly pods: ObjectIndex<Workload>;
  readonly externalWorkloads: ObjectIndex<ExternalWorkload>;
  readonly services: ObjectIndex<ServiceRecord>;
  readonly slices: ObjectIndex<SliceRecord>;
  readonly namespaces: ObjectIndex<NamespaceRecord>;
  readonly nodes: ObjectIndex<NodeRecord>;
  readonly replicaSets: ObjectIndex<OwnerRecord>;
  readonly jobs: ObjectIndex<OwnerRecord>;
  readonly policy: PolicyIndex;

  constructor(schedule: (run: () => void) => void, log: Log) {
    this.derivations = new Derivations(schedule, log);
    const touch = (topic: string): void => this.derivations.touch(topic);
    this.policy = new PolicyIndex(touch);
    this.pods = new ObjectIndex({ named: "pod", topicsOf: ({ ips }) => ips.map((ip) => `pod-ip:${ip}`) }, touch);
    this.externalWorkloads = new ObjectIndex(
      { named: "external-workload", topicsOf: ({ ips }) => ips.map((ip) => `external-ip:${ip}`) },
      touch,
    );
    this.services = new ObjectIndex(
      { named: "service", topicsOf: ({ clusterIps }) => clusterIps.map((ip) => `service-ip:${ip}`) },
      touch,
    );
    this.slices = new ObjectIndex(
      { topicsOf: ({ namespace, service }) => [`slices:${objectKey(namespace, service)}`] },
      touch,
    );
    // What belongs to no namespace has none in its name.
    this.namespaces = new ObjectIndex({ named: "namespace" }, touch);
    this.nodes = new ObjectIndex({ named: "node" }, touch);
    this.replicaSets = new ObjectIndex({ named: "replicaset" }, touch);
    this.jobs = new ObjectIndex({ named: "job" }, touch);
  }

  pod(namespace: string, name: string, track: Track): Workload | undefined {
    track(`pod:${objectKey(namespace, name)}`);
    return this.pods.get(namespace, name);
  }

  /** The pod that has this address now: of several, one that is alive, and the youngest: the others' end is not known yet. */
  podByIp(ip: string, track: Track): Workload | undefined {
    track(`pod-ip:${ip}`);
    const alive = this.pods.find(`pod-ip:${ip}`).filter((pod) => !pod.finished);
    if (alive.length > 1) alive.sort((a, b) => (a.created < b.created ? 1 : a.created > b.created ? -1 : byName(a, b)));
    return alive.find((pod) => !pod.terminating) ?? alive[0];
  }

  externalWorkload(namespace: string, name: string, track: Track): ExternalWorkload | undefined {
    track(`external-workload:${objectKey(namespace, name)}`);
    return this.externalWorkloads.get(namespace, name);
  }

  externalWorkloadByIp(ip: string, track: Track): ExternalWorkload | undefined {
    track(`external-ip:${ip}`);
    return this.externalWorkloads.find(`external-ip:${ip}`).sort(byName)[0];
  }

  service(namespace: string, name: string, track: Track): ServiceRecord | undefined {
    track(`service:${objectKey(namespace, name)}`);
    return this.services.get(namespace, name);
  }

  serviceByIp(ip: string, track: Track): ServiceRecord | undefined {
    track(`service-ip:${ip}`);
    return this.services.find(`service-ip:${ip}`).sort(byName)[0];
  }

  slicesOf(namespace: string, service: string, track: Track): SliceRecord[] {
    const topic = `slices:${objectKey(namespace, service)}`;
    track(topic);
    return this.slices.find(topic);
  }

  namespaceAnnotation(namespace: string, key: string, track: Track): string | undefined {
    track(`namespace:${objectKey("", namespace)}`);
    return this.namespaces.get("", namespace)?.annotations[key];
  }

  /** "" when unknown. */
  zoneOfNode(node: string, track: Track): string {
    if (node === "") return "";
    track(`node:${objectKey("", node)}`);
    return this.nodes.get("", node)?.zone ?? "";
  }

  /** The workload that a person would name: the Deployment of the ReplicaSet, the CronJob of the Job; null for a bare pod. */
  ownerOf(pod: Workload, track: Track): Owner | null {
    const { owner } = pod;
    if (owner === null) return null;
    if (owner.kind === "ReplicaSet") {
      track(`replicaset:${objectKey(pod.namespace, owner.name)}`);
      const found = this.replicaSets.get(pod.namespace, owner.name);
      if (found !== undefined) return found.owner ?? owner;
      // Not seen yet: the name of a Deployment's ReplicaSet is the Deployment's, a dash and the template's hash.
      const hash = pod.labels["pod-template-hash"] ?? "";
      const suffix = `-${hash}`;
      if (hash === "" || !owner.name.endsWith(suffix)) return owner;
      return { kind: "Deployment", name: owner.name.slice(0, -suffix.length) };
    }
    if (owner.kind === "Job") {
      track(`job:${objectKey(pod.namespace, owner.name)}`);
      return this.jobs.get(pod.namespace, owner.name)?.owner ?? owner;
    }
    return owner;
  }
}

function byName(a: { namespace: string; name: string }, b: { namespace: string; name: string }): number {
  const [left, right] = [objectKey(a.namespace, a.name), objectKey(b.namespace, b.name)];
  return left < right ? -1 : left > right ? 1 : 0;
}
