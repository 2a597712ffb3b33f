/** Checks that named objects are there. */
import { MeshError } from "#lib/errors.ts";
import type { KubeClient } from "#kube/client.ts";
import type { Resource } from "#kube/resource.ts";
import type { Check, CheckScope } from "../check.ts";

/** Throws "missing Deployments: a, b" when some are not there. */
export async function requireAll(
  client: KubeClient,
  resource: Resource,
  names: readonly string[],
  namespace?: string,
): Promise<void> {
  const missing: string[] = [];
  for (const name of names) {
    if ((await client.find(resource, name, namespace)) === null) missing.push(name);
  }
  if (missing.length > 0) throw new MeshError("not-found", `missing ${resource.kind}s: ${missing.join(", ")}`);
}

/** A fatal check that objects exist; namespaced ones in the control plane's namespace. */
export function exists(
  id: string,
  description: string,
  resource: Resource,
  names: (scope: CheckScope) => readonly string[],
): Check {
  return {
    id,
    description,
    fatal: true,
    run: async (scope) =>
      requireAll(scope.client(), resource, names(scope), resource.namespaced ? scope.linkerdNamespace : undefined),
  };
}
