import type { KubeObject } from "#kube/types/meta.ts";
import { Field } from "../../admission/field.ts";
import { Findings } from "../../admission/findings.ts";
import { checkDenyPolicy } from "../../admission/rules/deny-policy.ts";
import { isKind, kindOf, kinds } from "../../admission/rules/reference.ts";
import { type IdentityPattern, identityPattern } from "./mesh-tls-authentication.ts";
import { everywhere, networksOf, type NetworkRange, type NetworkSpec } from "./networks.ts";
import { policyRecord, type PolicyRecord, validSpec, whyInvalid } from "./policy-record.ts";

export interface DeniedClients {
  readonly networks: readonly NetworkRange[];
  /** Null: whoever it is, with an identity or without. */
  readonly identities: readonly IdentityPattern[] | null;
}

export interface DenyPolicyRecord extends PolicyRecord {
  /** Null: every port of the namespace. */
  readonly server: string | null;
  readonly clients: readonly DeniedClients[];
  /** What is wrong with it; null: nothing is. */
  readonly invalid: string | null;
  /** `status` as it is stored. */
  readonly status: unknown;
}

interface Spec {
  readonly clients: ReadonlyArray<{
    readonly identities?: readonly string[];
    readonly serviceAccounts?: ReadonlyArray<{ readonly name: string; readonly namespace?: string }>;
    readonly networks?: readonly NetworkSpec[];
  }>;
}

const everybody: readonly DeniedClients[] = [{ networks: everywhere, identities: null }];

/** One with a mistake denies everybody, at its Server if that can be read, else in its namespace: never fewer than were meant. */
export function decodeDenyPolicy(object: KubeObject): DenyPolicyRecord {
  const { spec: written, status = null } = object as KubeObject & {
    readonly spec?: unknown;
    readonly status?: unknown;
  };
  const record = { ...policyRecord(object), status };
  const target = new Field("spec", written, new Findings()).at("targetRef");
  const server = isKind(kindOf(target), kinds.server) ? target.at("name").text() : null;
  try {
    const { clients } = validSpec<Spec>(object, "policy.linkerd-ts.dev", checkDenyPolicy);
    return {
      ...record,
      server,
      clients: clients.map(({ identities, serviceAccounts, networks }) => ({
        networks: networks === undefined ? everywhere : networksOf(networks),
        identities:
          identities === undefined && serviceAccounts === undefined
            ? null
            : [
                ...(identities ?? []).map(identityPattern),
                ...(serviceAccounts ?? []).map(({ name, namespace = record.namespace }): IdentityPattern => ({
                  kind: "service-account",
                  namespace,
                  name,
                })),
              ],
      })),
      invalid: null,
    };
  } catch (thrown) {
    return { ...record, server, clients: everybody, invalid: whyInvalid(thrown) };
  }
}
