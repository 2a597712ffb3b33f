import type { KubeObject } from "#kube/types/meta.ts";
import { Field } from "../../admission/field.ts";
import { Findings } from "../../admission/findings.ts";
import { checkMeshTlsRequirement } from "../../admission/rules/mesh-tls-requirement.ts";
import { isKind, kindOf, kinds } from "../../admission/rules/reference.ts";
import { policyRecord, type PolicyRecord, validSpec, whyInvalid } from "./policy-record.ts";

export interface MeshTlsRequirementRecord extends PolicyRecord {
  /** Null: everything in the namespace. */
  readonly service: string | null;
  /** What is wrong with it; null: nothing is. */
  readonly invalid: string | null;
  /** `status` as it is stored. */
  readonly status: unknown;
}

/** One with a mistake counts for its Service if that can be read, else for its namespace: never for less than was meant. */
export function decodeMeshTlsRequirement(object: KubeObject): MeshTlsRequirementRecord {
  const { spec: written, status = null } = object as KubeObject & {
    readonly spec?: unknown;
    readonly status?: unknown;
  };
  const record = { ...policyRecord(object), status };
  const target = new Field("spec", written, new Findings()).at("targetRef");
  const service = isKind(kindOf(target), kinds.service) ? target.at("name").text() : null;
  try {
    validSpec(object, "policy.linkerd-ts.dev", checkMeshTlsRequirement);
    return { ...record, service, invalid: null };
  } catch (thrown) {
    return { ...record, service, invalid: whyInvalid(thrown) };
  }
}
