import { defaultPolicies } from "#model/default-policy.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import type { Field } from "../field.ts";
import type { Rule } from "../rule.ts";
import { checkSelector } from "./selector.ts";

const protocols = ["unknown", "HTTP/1", "HTTP/2", "gRPC", "opaque", "TLS"];
/** https://kubernetes.io/docs/concepts/services-networking/service/#port-definitions : at most 15 characters, one of them a letter. */
const portName = /^(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/;

/** Server (policy.linkerd.io): a port of pods or external workloads. */
export const checkServer: Rule = ({ spec }) => {
  const pods = spec.at("podSelector");
  const external = spec.at("externalWorkloadSelector");
  if (pods.present === external.present) {
    spec.problem('exactly one of "podSelector" and "externalWorkloadSelector" is needed');
  }
  checkSelector(pods);
  checkSelector(external);
  checkPort(spec.at("port").required());
  spec.at("proxyProtocol").oneOf(protocols);
  spec.at("accessPolicy").oneOf(defaultPolicies);
};

function checkPort(port: Field): void {
  if (typeof port.value === "string") {
    if (!portName.test(port.value)) port.problem(`"${port.value}" is neither a port number nor the name of one`);
  } else port.integer(1, 65535);
}

interface ServerSpec {
  readonly podSelector?: unknown;
  readonly externalWorkloadSelector?: unknown;
  readonly port?: unknown;
}

/**
 * The name of another Server of the namespace that certainly selects the same port of the same workloads: with an equal
 * selector, or where one of both selects everything. Null when there is none.
 */
export function sameServer(name: string, spec: unknown, others: readonly KubeObject[]): string | null {
  const own = spec as ServerSpec;
  for (const other of others) {
    const theirs = (other as KubeObject & { readonly spec?: ServerSpec }).spec ?? {};
    if (other.metadata.name === name || theirs.port !== own.port) continue;
    for (const key of ["podSelector", "externalWorkloadSelector"] as const) {
      const [a, b] = [own[key], theirs[key]];
      if (a === undefined || b === undefined) continue;
      if (selectsAll(a) || selectsAll(b) || Bun.deepEquals(a, b)) return other.metadata.name;
    }
  }
  return null;
}

function selectsAll(selector: unknown): boolean {
  const { matchLabels, matchExpressions } = (selector ?? {}) as { matchLabels?: object; matchExpressions?: object };
  return Object.keys(matchLabels ?? {}).length === 0 && Object.keys(matchExpressions ?? {}).length === 0;
}
