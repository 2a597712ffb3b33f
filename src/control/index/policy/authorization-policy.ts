import type { KubeObject } from "#kube/types/meta.ts";
import { checkAuthorizationPolicy } from "../../admission/rules/authorization-policy.ts";
import { groupOf } from "../../admission/rules/reference.ts";
import { policyRecord, type PolicyRecord, validSpec } from "./policy-record.ts";

export interface ObjectRef {
  /** "" for the core group. */
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export interface AuthorizationPolicyRecord extends PolicyRecord {
  /** A Server or route of the same namespace, or the namespace itself: then all its Servers. */
  readonly target: ObjectRef;
  /** A client must satisfy all; none: everybody may. */
  readonly authentications: readonly ObjectRef[];
}

interface Reference {
  readonly group?: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

export function decodeAuthorizationPolicy(object: KubeObject): AuthorizationPolicyRecord {
  const spec = validSpec<{ targetRef: Reference; requiredAuthenticationRefs: readonly Reference[] }>(
    object,
    "policy.linkerd.io",
    checkAuthorizationPolicy,
  );
  const record = policyRecord(object);
  return {
    ...record,
    target: objectRef({ ...spec.targetRef, namespace: record.namespace }, record.namespace),
    authentications: spec.requiredAuthenticationRefs.map((reference) => objectRef(reference, record.namespace)),
  };
}

function objectRef({ group, kind, name, namespace }: Reference, own: string): ObjectRef {
  return {
    group: groupOf(group, kind),
    kind: kind.toLowerCase(),
    namespace: namespace ?? own,
    name,
  };
}
