/** `linkerd uninstall`: prints what the control plane consists of, to pipe it to `kubectl delete -f -`. */
import { MeshError } from "#lib/errors.ts";
import { installedSelector } from "#manifests/installed-kinds.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { installedObjects } from "../installed-objects.ts";
import { cluster } from "../cluster.ts";
import { type Register } from "../shell.ts";
import { print } from "./install.ts";

export const register: Register = (parent, shell) => {
  parent
    .command("uninstall")
    .description("Print the resources of the control plane, for kubectl delete")
    .option("-f, --force", "also while pods with a proxy are left")
    .option("-o, --output <format>", "yaml or json", "yaml")
    .addHelpText("after", "\nExamples:\n  linkerd uninstall | kubectl delete -f -")
    .action(
      shell.action<{ force?: boolean; output: string }>(async (context, _args, options) => {
        const client = cluster(context);
        const namespace = context.globals.linkerdNamespace;
        if (options.force !== true) await refuseWhileMeshed(client, namespace);
        const found = await installedObjects(client, installedSelector(namespace), namespace);
        if (found.length === 0)
          throw new MeshError("not-found", `There is nothing of Linkerd in namespace "${namespace}" to uninstall`);
        print(context, found, options.output);
      }),
    );
};

async function refuseWhileMeshed(client: KubeClient, namespace: string): Promise<void> {
  const { items } = await client.list<Pod>(resources.pods, {
    labelSelector: `linkerd.io/control-plane-ns=${namespace}`,
  });
  const rest = items.filter((pod) => pod.metadata.namespace !== namespace);
  if (rest.length === 0) return;
  const names = rest.slice(0, 10).map((pod) => `  * ${pod.metadata.namespace}/${pod.metadata.name}`);
  if (rest.length > names.length) names.push(`  … and ${rest.length - names.length} more`);
  throw new MeshError(
    "conflict",
    `Please uninject the following pods before uninstalling the control plane, or pass --force:\n${names.join("\n")}`,
  );
}
