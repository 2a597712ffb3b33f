/** `linkerd install-cni`: prints the manifests of the CNI plugin, for clusters whose pods may not change their own network. */
import { version } from "#lib/version.ts";
import { cniRegistryLayer, renderCni, resolveCniValues } from "#manifests/cni.ts";
import type { Json } from "#manifests/json.ts";
import { printManifests } from "../output/manifests.ts";
import type { Register } from "../shell.ts";
import { addValueFlags, cniFlags, valuesOf } from "../value-flags.ts";
import { addValuesOptions, type ValuesOptions, valuesLayers } from "../values-layers.ts";

interface Options extends ValuesOptions {
  readonly registry?: string;
  readonly output: string;
  readonly [flag: string]: unknown;
}

export const register: Register = (parent, shell) => {
  const command = parent
    .command("install-cni")
    .description("Print the manifests of the CNI plugin, which redirects traffic in place of the init container")
    .option("--registry <registry>", "image registry (also $LINKERD_DOCKER_REGISTRY)")
    .option("-o, --output <format>", "yaml or json", "yaml");
  addValuesOptions(addValueFlags(command, cniFlags))
    .addHelpText(
      "after",
      `
Examples:
  linkerd install-cni | kubectl apply -f -
  linkerd check --pre --linkerd-cni-enabled
  linkerd install --crds | kubectl apply -f -
  linkerd install --linkerd-cni-enabled | kubectl apply -f -`,
    )
    .action(
      shell.action<Options>(async (context, _args, options) => {
        const registry = options.registry ?? context.terminal.env["LINKERD_DOCKER_REGISTRY"] ?? "";
        const layers: Json[] = [{ linkerdVersion: version, cliVersion: `linkerd/cli ${version}` }];
        if (registry !== "") layers.push(cniRegistryLayer(registry));
        layers.push(valuesOf(options, cniFlags), ...valuesLayers(options));
        const manifests = renderCni(resolveCniValues(...layers), {
          namespace: context.globals.cniNamespace,
          createdBy: `linkerd/cli ${version}`,
        });
        printManifests(context, manifests, options.output);
      }),
    );
};
