/** `linkerd uninstall`: prints what the control plane consists of, to pipe it to `kubectl delete -f -`. */
import { MeshError } from "#lib/errors.ts";
import { installedSelector } from "#manifests/installed-kinds.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import { cluster } from "../cluster.ts";
import { installedObjects } from "../installed-objects.ts";
import { meshedPods } from "../meshed-trust.ts";
import { printManifests } from "../output/manifests.ts";
import type { Register } from "../shell.ts";

const extensionLabel = "linkerd.io/extension";

export const register: Register = (parent, shell) => {
  parent
    .command("uninstall")
    .description("Print the resources of the control plane, for kubectl delete")
    .option("-f, --force", "also while extensions and pods with a proxy are left")
    .option("-o, --output <format>", "yaml or json", "yaml")
    .addHelpText("after", "\nExamples:\n  linkerd uninstall | kubectl delete -f -")
    .action(
      shell.action<{ force?: boolean; output: string }>(async (context, _args, options) => {
        const client = cluster(context);
        const namespace = context.globals.linkerdNamespace;
        if (options.force !== true) await refuseWhileUsed(client, namespace);
        const found = await installedObjects(client, installedSelector(namespace), namespace);
        if (found.length === 0)
          throw new MeshError("not-found", `There is nothing of Linkerd in namespace "${namespace}" to uninstall`);
        printManifests(context, found, options.output);
      }),
    );
};

async function refuseWhileUsed(client: KubeClient, namespace: string): Promise<void> {
  const { items } = await client.list(resources.namespaces, { labelSelector: extensionLabel });
  const extensions = new Map(items.map(({ metadata }) => [metadata.name, metadata.labels?.[extensionLabel] ?? ""]));
  const pods = (await meshedPods(client, null))
    .filter(({ metadata }) => metadata.namespace !== namespace && !extensions.has(metadata.namespace ?? ""))
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  const problems: string[] = [];
  if (extensions.size > 0) {
    problems.push(
      `Please uninstall the following extensions before uninstalling the control-plane:\n${bullets([...extensions.values()])}`,
    );
  }
  if (pods.length > 0) {
    problems.push(
      `Please uninject the following pods before uninstalling the control-plane, or pass --force:\n${bullets(pods)}`,
    );
  }
  if (problems.length > 0) throw new MeshError("conflict", problems.join("\n"));
}

function bullets(names: readonly string[]): string {
  const shown = names.slice(0, 10).map((name) => `  * ${name}`);
  if (names.length > shown.length) shown.push(`  … and ${names.length - shown.length} more`);
  return shown.join("\n");
}
