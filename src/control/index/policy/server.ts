import { defaultPolicies, type DefaultPolicyName } from "#model/default-policy.ts";
import type { Labels, Requirement } from "#model/label-selector.ts";
import { MeshError } from "#lib/errors.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { Field } from "../../admission/field.ts";
import { Findings } from "../../admission/findings.ts";
import { checkSelector } from "../../admission/rules/selector.ts";
import { policyRecord, type PolicyRecord, type SelectorSpec } from "./policy-record.ts";
import { requirementsOf } from "./selector.ts";

export type ServerProtocol = "detect" | "opaque" | "tls" | "http1" | "http2" | "grpc";

export interface ServerRecord extends PolicyRecord {
  readonly uid: string;
  readonly labels: Labels;
  readonly selects: "pods" | "external-workloads";
  readonly selector: readonly Requirement[];
  /** A number or the name of a container port. */
  readonly port: number | string;
  readonly protocol: ServerProtocol;
  readonly accessPolicy: DefaultPolicyName;
}

const protocols: Readonly<Record<string, ServerProtocol>> = {
  unknown: "detect",
  "HTTP/1": "http1",
  "HTTP/2": "http2",
  gRPC: "grpc",
  opaque: "opaque",
  TLS: "tls",
};

interface ServerSpec {
  readonly podSelector?: SelectorSpec;
  readonly externalWorkloadSelector?: SelectorSpec;
  readonly port?: unknown;
  readonly proxyProtocol?: unknown;
  readonly accessPolicy?: string;
}

/**
 * As long as it is known which port it is about, a Server counts, whatever else is wrong: without it, the port would have
 * the default policy, which may be wider. What can't be read then means the strictest.
 */
export function decodeServer(object: KubeObject): ServerRecord {
  const { spec } = object as KubeObject & { readonly spec?: ServerSpec };
  const selector = spec?.podSelector ?? spec?.externalWorkloadSelector;
  const port = spec?.port;
  if (selector === undefined || (typeof port !== "number" && typeof port !== "string")) {
    throw new MeshError("invalid-argument", `Server "${object.metadata.name}" says no selector and port`);
  }
  const { requirements, problem } = readableRequirements(selector);
  if (problem !== null && requirements.length === 0) throw new MeshError("invalid-argument", problem);
  return {
    ...policyRecord(object),
    uid: object.metadata.uid ?? "",
    labels: object.metadata.labels ?? {},
    selects: spec?.podSelector === undefined ? "external-workloads" : "pods",
    selector: requirements,
    port,
    protocol: protocolOf(spec?.proxyProtocol),
    accessPolicy: (problem === null ? defaultPolicies.find((name) => name === spec?.accessPolicy) : null) ?? "deny",
  };
}

function protocolOf(word: unknown): ServerProtocol {
  return (typeof word === "string" && Object.hasOwn(protocols, word) ? protocols[word] : undefined) ?? "detect";
}

/** Without a requirement that can't be read more pods are selected, and not none: those that are meant are among them. */
function readableRequirements(selector: SelectorSpec): {
  readonly requirements: readonly Requirement[];
  readonly problem: string | null;
} {
  const all = new Findings();
  checkSelector(new Field("spec.podSelector", selector, all));
  if (all.problems.length === 0) return { requirements: requirementsOf(selector), problem: null };
  const readable = (part: SelectorSpec): readonly Requirement[] => {
    const findings = new Findings();
    checkSelector(new Field("", part, findings));
    return findings.problems.length === 0 ? requirementsOf(part) : [];
  };
  const field = new Field("", selector, new Findings());
  const labels = field.at("matchLabels");
  const keys = labels.object() ? Object.keys(labels.value as object) : [];
  const requirements = [
    ...keys.flatMap((key) => readable({ matchLabels: { [key]: labels.at(key).value as string } })),
    ...field
      .at("matchExpressions")
      .items()
      .flatMap(({ value }) => readable({ matchExpressions: [value] as NonNullable<SelectorSpec["matchExpressions"]> })),
  ];
  return { requirements, problem: all.problems.join("; ") };
}
