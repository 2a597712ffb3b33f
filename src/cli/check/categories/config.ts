/** Are the cluster-wide objects of the control plane there? */
import { resources } from "#kube/resource.ts";
import type { Workload } from "#kube/types/apps.ts";
import { refuseDockerRuntime } from "../../runtime-check.ts";
import { type Category, type CheckScope, SkipCheck } from "../check.ts";
import { crdsExist } from "./crds.ts";
import { components } from "./existence.ts";
import { exists, requireAll } from "./exists.ts";
import { installedHere } from "./facts.ts";

const roles = ({ linkerdNamespace }: CheckScope): string[] =>
  ["identity", "destination", "proxy-injector"].map((component) => `linkerd-${linkerdNamespace}-${component}`);

export const linkerdConfig: Category = {
  id: "linkerd-config",
  checks: [
    exists("l5d-existence-ns", "control plane Namespace exists", resources.namespaces, (scope) => [
      scope.linkerdNamespace,
    ]),
    exists("l5d-existence-cr", "control plane ClusterRoles exist", resources.clusterRoles, roles),
    exists("l5d-existence-crb", "control plane ClusterRoleBindings exist", resources.clusterRoleBindings, roles),
    exists("l5d-existence-sa", "control plane ServiceAccounts exist", resources.serviceAccounts, () => components),
    crdsExist,
    exists(
      "l5d-existence-mwc",
      "control plane MutatingWebhookConfigurations exist",
      resources.mutatingWebhookConfigurations,
      () => ["linkerd-proxy-injector-webhook-config"],
    ),
    {
      id: "l5d-existence-vwc",
      description: "control plane ValidatingWebhookConfigurations exist",
      fatal: true,
      run: async (scope) => {
        if (!(await hasValidators(scope))) throw new SkipCheck();
        await requireAll(scope.client(), resources.validatingWebhookConfigurations, [
          "linkerd-policy-validator-webhook-config",
          "linkerd-sp-validator-webhook-config",
        ]);
      },
    },
    {
      id: "l5d-proxy-init-run-as-root",
      description: "proxy-init container runs as root user if docker container runtime is used",
      run: async (scope) => {
        const values = await installedHere(scope);
        if (values === null) throw new SkipCheck();
        const init = values["proxyInit"] as { readonly runAsRoot?: boolean } | undefined;
        if (init?.runAsRoot !== true) await refuseDockerRuntime(scope.client());
      },
    },
  ],
};

/** Whether the installation came with the validating webhooks: their program is a container of the destination pods. */
export async function hasValidators({ client, linkerdNamespace, facts }: CheckScope): Promise<boolean> {
  const deployment = await facts.once("destination", () =>
    client().find<Workload>(resources.deployments, "linkerd-destination", linkerdNamespace),
  );
  return deployment?.spec.template.spec.containers.some(({ name }) => name === "sp-validator") === true;
}
