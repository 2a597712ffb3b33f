/** `linkerd install`: prints the manifests of the control plane, or with --crds those of its resource types. */
import { MeshError } from "#lib/errors.ts";
import { version } from "#lib/version.ts";
import { renderCrds } from "#manifests/crds.ts";
import { isJsonObject, type Json, mergeJson } from "#manifests/json.ts";
import { renderInstall } from "#manifests/render-install.ts";
import { cluster } from "../cluster.ts";
import { configMapName, installedValues } from "../control-plane.ts";
import { missingCrds } from "../crds-present.ts";
import type { Context } from "../globals.ts";
import { addInstallOptions, type InstallOptions, installLayers } from "../install-options.ts";
import { noteIgnored } from "../output/ignored-values.ts";
import { printManifests } from "../output/manifests.ts";
import { apiServerPorts, refuseDockerRuntime } from "../runtime-check.ts";
import type { Register } from "../shell.ts";

interface InstallCommandOptions extends InstallOptions {
  readonly crds?: boolean;
  readonly ignoreCluster?: boolean;
  readonly output: string;
}

export const register: Register = (parent, shell) => {
  const command = parent
    .command("install")
    .description("Print the manifests of the control plane")
    .option("--crds", "print the custom resource definitions, which must be there first")
    .option("--ignore-cluster", "don't look at the cluster, just render")
    .option("-o, --output <format>", "yaml or json", "yaml");
  addInstallOptions(command, true)
    .addHelpText(
      "after",
      `
Examples:
  linkerd install --crds | kubectl apply -f -
  linkerd install | kubectl apply -f -
  linkerd install --set proxy.logLevel=debug | kubectl apply -f -
  linkerd install --ha --identity-trust-anchors-file ca.crt \\
    --identity-issuer-certificate-file issuer.crt --identity-issuer-key-file issuer.key`,
    )
    .action(
      shell.action<InstallCommandOptions>(async (context, _args, options) => {
        const { linkerdNamespace: namespace } = context.globals;
        const clusterLayer = options.ignoreCluster === true ? {} : await lookAtCluster(context, options);
        if (options.crds === true) {
          printManifests(
            context,
            renderCrds({ controlPlaneNamespace: namespace, createdBy: `linkerd/cli ${version}` }),
            options.output,
          );
          context.terminal.err("Next, run `linkerd install | kubectl apply -f -` to install the control plane\n");
          return;
        }
        const layers = [clusterLayer, ...installLayers(options, context.terminal)];
        refuseHalfTrust(layers);
        const { manifests, ignored } = renderInstall({
          version,
          namespace,
          layers,
          now: Date.now(),
        });
        noteIgnored(context, ignored);
        printManifests(context, manifests, options.output);
      }),
    );
};

/** Anchors without an issuer, or with somebody else's issuer none: says which flags belong together. */
function refuseHalfTrust(layers: readonly Json[]): void {
  const given = layers.reduce<Json>((merged, layer) => mergeJson(merged, layer), {});
  const values = isJsonObject(given) ? given : {};
  const identity = isJsonObject(values["identity"]) ? values["identity"] : {};
  const issuer = isJsonObject(identity["issuer"]) ? identity["issuer"] : {};
  const anchors = (values["identityTrustAnchorsPEM"] ?? "") !== "";
  const external = issuer["scheme"] === "kubernetes.io/tls";
  if (anchors && !external && issuer["tls"] === undefined) {
    throw new MeshError(
      "invalid-argument",
      "With trust anchors of your own pass an issuer that they signed: --identity-issuer-certificate-file and --identity-issuer-key-file, or --identity-external-issuer",
    );
  }
  if (external && !anchors && identity["externalCA"] !== true) {
    throw new MeshError(
      "invalid-argument",
      "With an issuer of somebody else pass what signed it: --identity-trust-anchors-file, or --identity-external-ca",
    );
  }
}

/** Refuses what would break a cluster; answers values that follow from it. */
async function lookAtCluster(context: Context, options: InstallCommandOptions): Promise<Json> {
  const namespace = context.globals.linkerdNamespace;
  try {
    const client = cluster(context);
    if ((await installedValues(client, namespace)) !== null) {
      throw new MeshError(
        "conflict",
        `A control plane is installed in namespace "${namespace}" (ConfigMap "${configMapName}" exists); ` +
          "change it with `linkerd upgrade`, or pass --ignore-cluster to render anyway",
      );
    }
    if (options.crds === true) return {};
    if ((await missingCrds(client)).length > 0) {
      throw new MeshError(
        "conflict",
        "The resource types of Linkerd must be there first; run: linkerd install --crds | kubectl apply -f -",
      );
    }
    if (!runsAsRoot(installLayers(options, { ...context.terminal, err: () => {} }))) await refuseDockerRuntime(client);
    const ports = await apiServerPorts(client);
    return ports === null || ports === "443,6443" ? {} : { proxyInit: { kubeAPIServerPorts: ports } };
  } catch (error) {
    if (!(error instanceof MeshError) || error.code === "conflict" || error.code === "invalid-argument") throw error;
    if (error.code === "environment" && error.message.includes("--set")) throw error;
    throw new MeshError(error.code, "Could not look at the cluster; pass --ignore-cluster to render without one", {
      cause: error,
    });
  }
}

/** Whether the user asked for an init container that runs as root. */
export function runsAsRoot(layers: readonly Json[]): boolean {
  return layers.some((layer) => {
    const init = isJsonObject(layer) ? layer["proxyInit"] : undefined;
    return isJsonObject(init) && init["runAsRoot"] === true;
  });
}
