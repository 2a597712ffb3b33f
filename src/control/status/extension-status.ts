/** What becomes of our own policies (policy.linkerd-ts.dev), which are each about one target: conditions. Pure. */
import type { ClusterIndex } from "../index/cluster-index.ts";
import { untracked } from "../index/derivations.ts";
import type { DenyPolicyRecord } from "../index/policy/deny-policy.ts";
import type { FaultInjectionRecord } from "../index/policy/fault-injection.ts";
import type { MeshTlsRequirementRecord } from "../index/policy/mesh-tls-requirement.ts";
import type { PolicyRecord } from "../index/policy/policy-record.ts";
import { countingFaults, mostFaults } from "../policy/outbound/fault-injections.ts";
import { conditionsStatus } from "./condition.ts";

/** Reason and message. */
type Verdict = readonly [reason: string, message: string];

const accepted: Verdict = ["Accepted", ""];

/** The status that a FaultInjection should have; null: it has it. */
export function faultStatus(index: ClusterIndex, record: FaultInjectionRecord, now: string): object | null {
  const { target, fault, invalid, namespace } = record;
  if (invalid !== null || target === null || fault === null) {
    const refs: Verdict =
      target === null ? ["InvalidKind", "The target can't be read"] : targetOf(index, namespace, target);
    return statusOf(record, ["UnsupportedValue", `Not valid: ${invalid}; nothing is injected`], refs, now);
  }
  const refs = targetOf(index, namespace, target);
  if (refs[0] !== "ResolvedRefs") return statusOf(record, ["NoMatchingTarget", refs[1]], refs, now);
  if (fault.percent === 0) return statusOf(record, ["Accepted", "Of no request, as percent is 0"], refs, now);
  const counts = countingFaults(index, { ...target, namespace }, untracked).some(({ name }) => name === record.name);
  const tooMany: Verdict = ["TooManyFaults", `${mostFaults} older ones have the same target, which are all that count`];
  return statusOf(record, counts ? accepted : tooMany, refs, now);
}

/** The status that a DenyPolicy should have; null: it has it. */
export function denyStatus({ policy }: ClusterIndex, record: DenyPolicyRecord, now: string): object | null {
  const { server, invalid, namespace } = record;
  const missing = server !== null && policy.servers.get(namespace, server) === undefined;
  const refs: Verdict = missing ? ["TargetNotFound", `Server "${server}" does not exist`] : ["ResolvedRefs", ""];
  if (invalid !== null)
    return statusOf(record, ["UnsupportedValue", `Not valid: ${invalid}; ${denyEffect(record)}`], refs, now);
  return statusOf(record, missing ? ["NoMatchingTarget", refs[1]] : accepted, refs, now);
}

/** The status that a MeshTLSRequirement should have; null: it has it. */
export function requirementStatus(index: ClusterIndex, record: MeshTlsRequirementRecord, now: string): object | null {
  const { service, invalid, namespace } = record;
  const refs: Verdict =
    service === null ? ["ResolvedRefs", ""] : targetOf(index, namespace, { group: "", kind: "service", name: service });
  if (invalid !== null) {
    const where = service === null ? `everything in namespace "${namespace}"` : `Service "${service}"`;
    return statusOf(record, ["UnsupportedValue", `Not valid: ${invalid}; it counts for ${where}`], refs, now);
  }
  return statusOf(record, refs[0] === "ResolvedRefs" ? accepted : ["NoMatchingTarget", refs[1]], refs, now);
}

/** What an invalid one does until it is mended. */
export function denyEffect({ server, namespace }: DenyPolicyRecord): string {
  return `it denies everybody at ${server === null ? `every port of namespace "${namespace}"` : `Server "${server}"`}`;
}

function statusOf(
  record: PolicyRecord & { readonly status: unknown },
  acceptance: Verdict,
  references: Verdict,
  now: string,
): object | null {
  const condition = (type: string, [reason, message]: Verdict) =>
    ({
      type,
      status: reason === type ? "True" : "False",
      reason,
      message,
      observedGeneration: record.generation,
    }) as const;
  return conditionsStatus(
    [condition("Accepted", acceptance), condition("ResolvedRefs", references)],
    record.status,
    now,
  );
}

function targetOf(
  index: ClusterIndex,
  namespace: string,
  { group, kind, name }: { readonly group: string; readonly kind: string; readonly name: string },
): Verdict {
  const { policy } = index;
  const routes = {
    "gateway.networking.k8s.io/httproute": ["HTTPRoute", policy.httpRoutes],
    "gateway.networking.k8s.io/grpcroute": ["GRPCRoute", policy.grpcRoutes],
    "policy.linkerd.io/httproute": ["HTTPRoute", policy.policyHttpRoutes],
  } as const;
  const found =
    group === "" && kind === "service"
      ? (["Service", index.service(namespace, name, untracked)] as const)
      : route(routes[`${group}/${kind}` as keyof typeof routes]);
  if (found === null) return ["InvalidKind", `A target of kind ${kind} is not supported`];
  const [text, object] = found;
  return object === undefined ? ["TargetNotFound", `${text} "${name}" does not exist`] : ["ResolvedRefs", ""];

  function route(of: (typeof routes)[keyof typeof routes] | undefined): readonly [string, unknown] | null {
    return of === undefined ? null : [of[0], of[1].get(namespace, name)];
  }
}
