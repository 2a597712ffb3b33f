/** For tests of rules. */
import type { AdmissionRequest } from "#kube/types/admission.ts";
import { parse } from "yaml";
import { findingsOf } from "./review.ts";
import { policyRules, profileRules } from "./rules.ts";

export interface Judged {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

export interface ReviewedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata?: Record<string, unknown>;
  readonly [field: string]: unknown;
}

/** The request that an API server would send for an object of namespace "web". */
export function requestFor(object: ReviewedObject): AdmissionRequest {
  const [group, version] = object.apiVersion.includes("/") ? object.apiVersion.split("/") : ["", object.apiVersion];
  const metadata = { name: "x", namespace: "web", ...object.metadata };
  return {
    uid: "u",
    kind: { group: group ?? "", version: version ?? "", kind: object.kind },
    resource: { group: group ?? "", version: version ?? "", resource: `${object.kind.toLowerCase()}s` },
    namespace: "web",
    operation: "CREATE",
    object: { ...object, metadata } as AdmissionRequest["object"],
  };
}

/** What the rules say of an object with this spec, in YAML. */
export async function judge(
  apiVersion: string,
  kind: string,
  spec: string,
  metadata: Record<string, unknown> = {},
): Promise<Judged> {
  const object = { apiVersion, kind, metadata, spec: parse(spec) as unknown };
  return await findingsOf(requestFor(object), { ...policyRules, ...profileRules });
}
