import type { KubeObject } from "#kube/types/meta.ts";
import { Field } from "../../admission/field.ts";
import { Findings } from "../../admission/findings.ts";
import { checkFaultInjection, faultTarget } from "../../admission/rules/fault-injection.ts";
import { faultEnd, type OutboundFault } from "../../policy/outbound/fault.ts";
import { parseGepDuration } from "./durations.ts";
import { policyRecord, type PolicyRecord, validSpec } from "./policy-record.ts";

export interface FaultInjectionRecord extends PolicyRecord {
  /** Of the same namespace. */
  readonly target: { readonly group: string; readonly kind: string; readonly name: string };
  readonly fault: OutboundFault;
}

interface FaultSpec {
  readonly targetRef: { readonly name: string };
  readonly header?: { readonly name: string; readonly value: string };
  readonly percent?: number;
  readonly delay?: string;
  readonly bytesPerSecond?: number;
  readonly abort?: { readonly httpStatus?: number; readonly grpcStatus?: number };
  readonly reset?: boolean;
}

/** Throws "invalid-argument" for one with any mistake: half understood it would hit requests that nobody meant. */
export function decodeFaultInjection(object: KubeObject): FaultInjectionRecord {
  const spec = validSpec<FaultSpec>(object, "policy.linkerd-ts.dev", checkFaultInjection);
  const { header, percent = 100, delay, bytesPerSecond = 0, abort, reset = false } = spec;
  const { group, kind } = faultTarget(new Field("spec.targetRef", spec.targetRef, new Findings()));
  return {
    ...policyRecord(object),
    target: { group, kind: kind.toLowerCase(), name: spec.targetRef.name },
    fault: {
      header: header === undefined ? null : { name: header.name.toLowerCase(), value: header.value },
      percent,
      delay: parseGepDuration(delay) ?? 0,
      bytesPerSecond,
      end: faultEnd(abort ?? null, reset),
    },
  };
}
