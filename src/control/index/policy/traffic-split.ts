import { MeshError } from "#lib/errors.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { policyRecord, type PolicyRecord } from "./policy-record.ts";
import { milliWeight } from "./weight.ts";

/** Service Mesh Interface, traffic-split: requests for one Service go to others by weight. */
export interface TrafficSplitRecord extends PolicyRecord {
  /** Of the same namespace, as all its backends. */
  readonly service: string;
  /** Weights in thousandths; all of them 0 means that nothing is split. */
  readonly backends: ReadonlyArray<{ readonly service: string; readonly weight: number }>;
}

interface Spec {
  readonly service?: unknown;
  readonly backends?: ReadonlyArray<{ readonly service?: unknown; readonly weight?: unknown } | null>;
}

export function decodeTrafficSplit(object: KubeObject): TrafficSplitRecord {
  const { spec = {} } = object as KubeObject & { readonly spec?: Spec };
  const record = policyRecord(object);
  if (typeof spec.service !== "string" || !Array.isArray(spec.backends)) {
    throw new MeshError("invalid-argument", `TrafficSplit "${record.name}" names no service and backends`);
  }
  return {
    ...record,
    service: shortName(spec.service),
    backends: spec.backends.map((backend) => {
      if (typeof backend?.service !== "string") {
        throw new MeshError("invalid-argument", `TrafficSplit "${record.name}" has a backend without a service`);
      }
      const { weight } = backend;
      const given = typeof weight === "number" || typeof weight === "string" ? weight : 0;
      return { service: shortName(backend.service), weight: milliWeight(given) };
    }),
  };
}

/** Names may be written in full; they are of the split's namespace all the same. */
function shortName(name: string): string {
  return name.split(".")[0] ?? name;
}
