/** Is the CNI plugin there, on every node? Only where it is used. */
import { MeshError } from "#lib/errors.ts";
import { resources, type Resource } from "#kube/resource.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { type Category, type Check, type CheckScope, SkipCheck } from "../check.ts";
import { installedHere } from "./facts.ts";

const objectName = "linkerd-cni";

interface DaemonSet extends KubeObject {
  readonly status?: { readonly desiredNumberScheduled?: number; readonly numberReady?: number };
}

async function skipUnlessEnabled(scope: CheckScope): Promise<void> {
  if (scope.cniEnabled) return;
  if ((await installedHere(scope))?.["cniEnabled"] !== true) throw new SkipCheck();
}

function present(id: string, description: string, resource: Resource, name = objectName): Check {
  return {
    id,
    description,
    fatal: true,
    run: async (scope) => {
      await skipUnlessEnabled(scope);
      const found = await scope.client().find(resource, name, resource.namespaced ? scope.cniNamespace : undefined);
      if (found === null) throw new MeshError("not-found", `missing ${resource.kind}: ${name}`);
    },
  };
}

export const linkerdCniPlugin: Category = {
  id: "linkerd-cni-plugin",
  checks: [
    present("cni-plugin-cm-exists", "cni plugin ConfigMap exists", resources.configMaps, "linkerd-cni-config"),
    present("cni-plugin-cr-exists", "cni plugin ClusterRole exists", resources.clusterRoles),
    present("cni-plugin-crb-exists", "cni plugin ClusterRoleBinding exists", resources.clusterRoleBindings),
    present("cni-plugin-sa-exists", "cni plugin ServiceAccount exists", resources.serviceAccounts),
    present("cni-plugin-ds-exists", "cni plugin DaemonSet exists", resources.daemonSets),
    {
      id: "cni-plugin-ready",
      description: "cni plugin pod is running on all nodes",
      fatal: true,
      retry: true,
      run: async (scope) => {
        await skipUnlessEnabled(scope);
        const { status } = await scope.client().get<DaemonSet>(resources.daemonSets, objectName, scope.cniNamespace);
        const { desiredNumberScheduled: scheduled = 0, numberReady: ready = 0 } = status ?? {};
        if (scheduled === 0 || ready !== scheduled) {
          throw new MeshError("unavailable", `number ready: ${ready}, number scheduled: ${scheduled}`);
        }
      },
    },
  ],
};
