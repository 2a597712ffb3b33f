/** What the API server says a ServiceAccount may do. */
import { ok, type TestCluster } from "./cluster.ts";

interface RulesReview {
  readonly status: {
    readonly resourceRules: readonly {
      readonly verbs: readonly string[];
      readonly apiGroups?: readonly string[];
      readonly resources?: readonly string[];
      readonly resourceNames?: readonly string[];
    }[];
  };
}

/** "VERB GROUP/RESOURCE" or "VERB GROUP/RESOURCE NAME" for everything that the account may do in `namespace`. */
export async function rightsOf(
  cluster: TestCluster,
  account: { readonly namespace: string; readonly name: string },
  namespace: string,
): Promise<Set<string>> {
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectRulesReview",
    spec: { namespace },
  };
  const as = `--as=system:serviceaccount:${account.namespace}:${account.name}`;
  const groups = ["system:serviceaccounts", `system:serviceaccounts:${account.namespace}`, "system:authenticated"];
  const out = await ok(
    cluster.kubectl(
      ["create", "--validate=false", "-f", "-", "-o", "json", as, ...groups.map((group) => `--as-group=${group}`)],
      JSON.stringify(review),
    ),
  );
  const rights = new Set<string>();
  for (const rule of (JSON.parse(out) as RulesReview).status.resourceRules) {
    for (const verb of rule.verbs) {
      for (const group of rule.apiGroups ?? [""]) {
        for (const resource of rule.resources ?? []) {
          const names = rule.resourceNames ?? [];
          const right = `${verb} ${group}/${resource}`;
          for (const name of names.length === 0 ? [""] : names) rights.add(`${right} ${name}`.trimEnd());
        }
      }
    }
  }
  return rights;
}
