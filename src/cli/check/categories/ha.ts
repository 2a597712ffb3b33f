/** In high availability: does more than one replica of each component run? */
import { MeshError } from "#lib/errors.ts";
import { resources } from "#kube/resource.ts";
import type { Workload } from "#kube/types/apps.ts";
import { type Category, SkipCheck } from "../check.ts";
import { components } from "./existence.ts";
import { installedHere } from "./facts.ts";

export const linkerdHa: Category = {
  id: "linkerd-ha-checks",
  checks: [
    {
      id: "l5d-control-plane-replicas",
      description: "multiple replicas of control plane pods",
      warning: true,
      retry: true,
      run: async (scope) => {
        const { client, linkerdNamespace } = scope;
        const values = await installedHere(scope);
        if (values?.["highAvailability"] !== true) throw new SkipCheck();
        const faulty: string[] = [];
        for (const component of components) {
          const { status } = await client().get<Workload>(resources.deployments, component, linkerdNamespace);
          if ((status?.availableReplicas ?? 0) <= 1) faulty.push(component);
        }
        if (faulty.length > 0)
          throw new MeshError("unavailable", `not enough replicas available for [${faulty.join(" ")}]`);
      },
    },
  ],
};
