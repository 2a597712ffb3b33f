/** `linkerd check`: is the cluster fit, is the control plane whole, do proxies run? */
import type { Command } from "commander";
import { MeshError } from "#lib/errors.ts";
import { resources } from "#kube/resource.ts";
import { resolveValues } from "#manifests/values.ts";
import type { Category, CategoryResult } from "../check/check.ts";
import { linkerdCniPlugin } from "../check/categories/cni.ts";
import { linkerdConfig } from "../check/categories/config.ts";
import { linkerdCrd } from "../check/categories/crds.ts";
import { linkerdExistence } from "../check/categories/existence.ts";
import { extensionLabel, linkerdExtensionChecks } from "../check/categories/extensions.ts";
import { gatewayApiCrd } from "../check/categories/gateway-api.ts";
import { linkerdHa } from "../check/categories/ha.ts";
import { linkerdIdentity, linkerdIdentityDataPlane } from "../check/categories/identity.ts";
import { kubernetesApi, kubernetesVersion } from "../check/categories/kubernetes.ts";
import { opaquePorts } from "../check/categories/opaque-ports.ts";
import { preKubernetesSetup } from "../check/categories/pre.ts";
import { controlPlaneProxy, dataPlane } from "../check/categories/proxies.ts";
import { controlPlaneVersion, linkerdVersion } from "../check/categories/versions.ts";
import { linkerdViz } from "../check/categories/viz.ts";
import { webhooks } from "../check/categories/webhooks.ts";
import { extensionsOnPath, missingResult, runExternal, selectChecks } from "../check/external.ts";
import { printChecks } from "../check/print.ts";
import { cluster } from "../cluster.ts";
import type { Context, GlobalOptions } from "../globals.ts";
import { redraw } from "../output/progress.ts";
import type { Register } from "../shell.ts";
import { addValuesOptions, type ValuesOptions, valuesLayers } from "../values-layers.ts";

export interface CheckOptions extends ValuesOptions {
  readonly pre?: boolean;
  readonly crds?: boolean;
  readonly proxy?: boolean;
  readonly linkerdCniEnabled?: boolean;
  readonly namespace?: string;
  readonly wait: string;
  readonly output: string;
  readonly expectedVersion?: string;
  readonly cliVersionOverride?: string;
}

/** The flags that `check` and the checks of extensions share. */
export function addCheckOptions(command: Command): Command {
  return command
    .option("--proxy", "also check the proxies of the data plane")
    .option("-n, --namespace <namespace>", "namespace of the data plane to check (default: all)")
    .option("--wait <duration>", "how long to wait for things that are still starting", "5m0s")
    .option("-o, --output <format>", "table, json or short", "table");
}

export const register: Register = (parent, shell) => {
  const command = parent
    .command("check")
    .description("Check the cluster, the control plane and the proxies for problems; exit code 1 when there is one")
    .option("--pre", "check whether the control plane can be installed")
    .option("--crds", "only check that the custom resource definitions are there")
    .option("--linkerd-cni-enabled", "with --pre: the CNI plugin must be there already")
    .option("--expected-version <version>", "the version that should run everywhere")
    .option("--cli-version-override <version>", "pretend that this executable has another version");
  addValuesOptions(addCheckOptions(command))
    .addHelpText(
      "after",
      `
Examples:
  linkerd check --pre                       # before the installation
  linkerd check --pre -f my-values.yaml     # … with the values that it will have
  linkerd check                             # after it
  linkerd check --proxy -n app              # with the proxies of a namespace
  linkerd check -o short --wait 0s          # for scripts: only what is wrong, exit code 1 on errors

Executables named linkerd-<name> on PATH bring checks of their own for extensions.`,
    )
    .action(
      shell.action<CheckOptions>(async (context, _args, options) => {
        validate(options);
        const selected = selectCategories(options);
        if (options.pre === true || options.crds === true) return await printChecks(context, options, selected);
        const installed = await installedExtensions(context);
        if (installed.includes("viz")) selected.push(linkerdViz);
        const more = (wait: number): AsyncIterable<CategoryResult> =>
          extensionResults(context, options, installed, wait);
        await printChecks(context, options, selected, more);
      }),
    );
};

function validate(options: CheckOptions): void {
  const exclusive = (one: string, other: string): MeshError =>
    new MeshError("invalid-argument", `Use either ${one} or ${other}, not both`);
  if (options.pre === true && options.proxy === true) throw exclusive("--pre", "--proxy");
  if (options.pre === true && options.crds === true) throw exclusive("--pre", "--crds");
  if (options.crds === true && options.proxy === true) throw exclusive("--crds", "--proxy");
  if (options.pre !== true && options.linkerdCniEnabled === true) {
    throw new MeshError(
      "invalid-argument",
      "Flag --linkerd-cni-enabled is for --pre; after the installation its values say whether the CNI plugin is used",
    );
  }
  // Says now what `linkerd install` would refuse then.
  resolveValues(...valuesLayers(options));
}

/** In the order in which Linkerd prints them. */
export function selectCategories(options: CheckOptions): Category[] {
  const base = [kubernetesApi, kubernetesVersion, gatewayApiCrd];
  if (options.pre === true) return [...base, preKubernetesSetup, linkerdCniPlugin, linkerdVersion];
  if (options.crds === true) return [...base, linkerdCrd, linkerdVersion];
  const common = [...base, linkerdExistence, linkerdConfig, linkerdCniPlugin, linkerdIdentity, webhooks];
  return options.proxy === true
    ? [...common, linkerdIdentityDataPlane, linkerdVersion, controlPlaneProxy, dataPlane, opaquePorts, linkerdHa]
    : [...common, linkerdVersion, controlPlaneVersion, controlPlaneProxy, linkerdHa, linkerdExtensionChecks];
}

/** Names of extensions; none in a cluster that can't be asked, since the first check says so better than we could here. */
async function installedExtensions(context: Context): Promise<string[]> {
  try {
    const { items } = await cluster(context).list(resources.namespaces, { labelSelector: extensionLabel });
    return items.map(({ metadata }) => metadata.labels?.[extensionLabel] ?? "").filter((name) => name !== "");
  } catch (error) {
    if (error instanceof MeshError) return [];
    throw error;
  }
}

async function* extensionResults(
  context: Context,
  options: CheckOptions,
  installed: readonly string[],
  wait: number,
): AsyncGenerator<CategoryResult> {
  const available = extensionsOnPath(context.terminal.env["PATH"] ?? "");
  const { run, missing } = await selectChecks(
    available,
    installed.filter((name) => name !== "viz"),
  );
  for (const extension of run) {
    redraw(context.terminal, `| Running ${extension.name} extension check`);
    yield* await runExternal(extension, extensionFlags(context.globals, options), wait);
  }
  for (const executable of missing) yield missingResult(executable);
}

/** What an extension must know to look at the same cluster. */
function extensionFlags(globals: GlobalOptions, options: CheckOptions): string[] {
  const flags: Array<readonly [name: string, value: string | undefined]> = [
    ["api-addr", globals.apiAddr],
    ["context", globals.context],
    ["as", globals.as],
    ...globals.asGroup.map((group) => ["as-group", group] as const),
    ["kubeconfig", globals.kubeconfig],
    ["linkerd-namespace", globals.linkerdNamespace],
    ["verbose", String(globals.verbose)],
    ["namespace", options.namespace],
    ["proxy", String(options.proxy === true)],
    ["wait", options.wait],
  ];
  return [...flags.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`])), "--output=json"];
}
