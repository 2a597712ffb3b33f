/** Workload objects of apps/v1 and batch/v1; only fields that are read here. */
import type { KubeObject, LabelSelector, ObjectMeta } from "./meta.ts";
import type { Pod } from "./core.ts";

export interface PodTemplate {
  readonly metadata?: Partial<ObjectMeta>;
  readonly spec: Pod["spec"];
}

/** Deployment, ReplicaSet, StatefulSet and DaemonSet. */
export interface Workload extends KubeObject {
  readonly spec: {
    readonly replicas?: number;
    readonly selector?: LabelSelector;
    readonly template: PodTemplate;
  };
  readonly status?: {
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly availableReplicas?: number;
    readonly updatedReplicas?: number;
    readonly observedGeneration?: number;
  };
}
