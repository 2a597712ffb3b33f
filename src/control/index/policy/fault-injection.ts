import type { KubeObject } from "#kube/types/meta.ts";
import { Field } from "../../admission/field.ts";
import { Findings } from "../../admission/findings.ts";
import { checkFaultInjection, faultTarget } from "../../admission/rules/fault-injection.ts";
import { faultEnd, type OutboundFault } from "../../policy/outbound/fault.ts";
import { parseGepDuration } from "./durations.ts";
import { policyRecord, type PolicyRecord, validSpec, whyInvalid } from "./policy-record.ts";

export interface FaultInjectionRecord extends PolicyRecord {
  /** Of the same namespace, group and kind in lower case; null: it can't be read. */
  readonly target: { readonly group: string; readonly kind: string; readonly name: string } | null;
  /** Null: there is a mistake in it, and nothing is injected. */
  readonly fault: OutboundFault | null;
  /** What is wrong with it; null: nothing is. */
  readonly invalid: string | null;
  /** `status` as it is stored. */
  readonly status: unknown;
}

interface FaultSpec {
  readonly header?: { readonly name: string; readonly value: string };
  readonly percent?: number;
  readonly delay?: string;
  readonly bytesPerSecond?: number;
  readonly abort?: { readonly httpStatus?: number; readonly grpcStatus?: number };
  readonly reset?: boolean;
}

/** One with any mistake injects nothing: half understood it would hit requests that nobody meant. */
export function decodeFaultInjection(object: KubeObject): FaultInjectionRecord {
  const { spec, status = null } = object as KubeObject & { readonly spec?: unknown; readonly status?: unknown };
  const target = new Field("spec", spec, new Findings()).at("targetRef");
  const { group, kind } = faultTarget(target);
  const name = target.at("name").text();
  const base = {
    ...policyRecord(object),
    target: name === null ? null : { group, kind: kind.toLowerCase(), name },
    status,
  };
  try {
    const valid = validSpec<FaultSpec>(object, "policy.linkerd-ts.dev", checkFaultInjection);
    return { ...base, fault: faultOf(valid), invalid: null };
  } catch (thrown) {
    return { ...base, fault: null, invalid: whyInvalid(thrown) };
  }
}

function faultOf({ header, percent = 100, delay, bytesPerSecond = 0, abort, reset = false }: FaultSpec): OutboundFault {
  return {
    header: header === undefined ? null : { name: header.name.toLowerCase(), value: header.value },
    percent,
    delay: parseGepDuration(delay) ?? 0,
    bytesPerSecond,
    end: faultEnd(abort ?? null, reset),
  };
}
