import { memoryLog } from "#lib/log.ts";
import { parsePortRanges } from "#lib/port-list.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import type { DestinationSettings } from "../destination/settings.ts";
import { ClusterIndex } from "../index/cluster-index.ts";
import { decodeExternalWorkload } from "../index/external-workload.ts";
import { decodeNamespace, decodeNode, decodeOwner } from "../index/scope.ts";
import { decodeService } from "../index/service.ts";
import { decodeSlice } from "../index/slice.ts";
import { decodeWorkload } from "../index/workload.ts";
import { indexSources, policySources, profileSources } from "../watches.ts";

export interface PolicyObject extends KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec: unknown;
}

/** An index fed by hand; changes are computed when `settle` is called. */
export class TestCluster {
  readonly index: ClusterIndex;
  readonly settings: DestinationSettings;
  private readonly waiting: Array<() => void> = [];

  constructor(settings: Partial<DestinationSettings> = {}) {
    this.index = new ClusterIndex((run) => this.waiting.push(run), memoryLog().log);
    this.settings = {
      clusterDomain: "cluster.local",
      trustDomain: "cluster.local",
      controlPlaneNamespace: "linkerd",
      defaultOpaquePorts: parsePortRanges("25,587,3306,4444,5432,6379,9300,11211"),
      enableH2Upgrade: true,
      transportMode: "transport-header",
      enableIpv6: false,
      ...settings,
    };
  }

  settle(): void {
    for (const run of this.waiting.splice(0)) run();
  }

  pods(...objects: KubeObject[]): this {
    for (const object of objects) this.index.pods.apply(decodeWorkload(object));
    return this;
  }
  services(...objects: KubeObject[]): this {
    for (const object of objects) this.index.services.apply(decodeService(object));
    return this;
  }
  slices(...objects: KubeObject[]): this {
    for (const object of objects) {
      const slice = decodeSlice(object);
      if (slice !== null) this.index.slices.apply(slice);
    }
    return this;
  }
  externalWorkloads(...objects: KubeObject[]): this {
    for (const object of objects) this.index.externalWorkloads.apply(decodeExternalWorkload(object));
    return this;
  }
  namespaces(...objects: KubeObject[]): this {
    for (const object of objects) this.index.namespaces.apply(decodeNamespace(object));
    return this;
  }
  nodes(...objects: KubeObject[]): this {
    for (const object of objects) this.index.nodes.apply(decodeNode(object));
    return this;
  }
  replicaSets(...objects: KubeObject[]): this {
    for (const object of objects) this.index.replicaSets.apply(decodeOwner(object));
    return this;
  }
  /** Objects of policy, by their kind and group, as a watch would bring them. */
  policies(...objects: PolicyObject[]): this {
    for (const object of objects) {
      const all = [...indexSources(this.index), ...policySources(this.index), ...profileSources(this.index)];
      const source = all.find(
        ({ resource }) => resource.kind === object.kind && object.apiVersion.startsWith(`${resource.group}/`),
      );
      if (source === undefined) throw new Error(`no source for ${object.apiVersion} ${object.kind}`);
      const record = source.decode(object);
      if (record !== null) source.index.apply(record);
    }
    return this;
  }
}
