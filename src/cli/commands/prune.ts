/** `linkerd prune`: what an older version installed and this one no longer has, for `kubectl delete -f -`. */
import { MeshError } from "#lib/errors.ts";
import { version } from "#lib/version.ts";
import { renderCrds } from "#manifests/crds.ts";
import { installedSelector } from "#manifests/installed-kinds.ts";
import type { JsonObject, Manifest } from "#manifests/json.ts";
import { renderInstall } from "#manifests/render-install.ts";
import { cluster } from "../cluster.ts";
import { installedObjects, objectKey } from "../installed-objects.ts";
import { addInstallOptions, type InstallOptions, installLayers } from "../install-options.ts";
import { overridesName, readInstallation } from "../installation.ts";
import { printManifests } from "../output/manifests.ts";
import type { Register } from "../shell.ts";
import { storedLayers } from "../stored-values.ts";

export const register: Register = (parent, shell) => {
  const command = parent
    .command("prune")
    .description("Print the resources of the control plane that this version no longer has, for kubectl delete")
    .option("-o, --output <format>", "yaml or json", "yaml");
  addInstallOptions(command, false)
    .addHelpText("after", "\nExamples:\n  linkerd upgrade | kubectl apply -f -\n  linkerd prune | kubectl delete -f -")
    .action(
      shell.action<InstallOptions & { readonly output: string }>(async (context, _args, options) => {
        const client = cluster(context);
        const namespace = context.globals.linkerdNamespace;
        const now = Date.now();
        const installation = await readInstallation(client, namespace, now);
        if (installation === null) {
          throw new MeshError(
            "not-found",
            `There is no Secret "${overridesName}" in namespace "${namespace}"; prune is for what "linkerd install" installed`,
          );
        }
        const { manifests } = renderInstall({
          version,
          namespace,
          layers: [...storedLayers(installation, now), ...installLayers(options, context.terminal)],
          webhookTls: installation.webhookTls,
          now,
        });
        const crds = renderCrds({ controlPlaneNamespace: namespace, createdBy: `linkerd/cli ${version}` });
        const found = await installedObjects(client, installedSelector(namespace), namespace, "each");
        const extra = extraneous(found, [...manifests, ...crds]);
        if (extra.length > 0) printManifests(context, extra, options.output);
        else context.terminal.err("There is nothing to prune\n");
      }),
    );
};

/** Objects of the cluster that no manifest is about. */
function extraneous(found: readonly JsonObject[], manifests: readonly Manifest[]): JsonObject[] {
  const kept = new Set(manifests.map(objectKey));
  return found.filter((object) => !kept.has(objectKey(object)));
}
