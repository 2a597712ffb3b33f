/** `linkerd check`: is the cluster fit, is the control plane whole, do proxies run? */
import type { Command } from "commander";
import { systemClock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import { version } from "#lib/version.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import type { Category, CheckScope } from "../check/check.ts";
import {
  controlPlaneProxy,
  controlPlaneVersion,
  linkerdConfig,
  linkerdExistence,
} from "../check/categories/control-plane.ts";
import { dataPlane, opaquePorts } from "../check/categories/data-plane.ts";
import { linkerdIdentity, linkerdIdentityDataPlane } from "../check/categories/identity.ts";
import { kubernetesApi, kubernetesVersion } from "../check/categories/kubernetes.ts";
import { preKubernetesSetup } from "../check/categories/pre.ts";
import { linkerdViz } from "../check/categories/viz.ts";
import { webhooks } from "../check/categories/webhooks.ts";
import { categoryHeading, checkLine, jsonForm, shortForm, verdict } from "../check/output.ts";
import { runChecks, succeeded } from "../check/run.ts";
import { ExitSignal } from "../exit-code.ts";
import type { Context } from "../globals.ts";
import { parseDuration } from "../output/format.ts";
import { redraw } from "../output/progress.ts";
import { cluster } from "../cluster.ts";
import { oneOf, type Register } from "../shell.ts";

export interface CheckOptions {
  readonly pre?: boolean;
  readonly proxy?: boolean;
  readonly namespace?: string;
  readonly wait: string;
  readonly output: string;
  readonly expectedVersion?: string;
  readonly cliVersionOverride?: string;
}

/** The flags that `check` and `viz check` share. */
export function addCheckOptions(command: Command): Command {
  return command
    .option("--proxy", "also check the proxies of the data plane")
    .option("-n, --namespace <namespace>", "namespace of the data plane to check (default: all)")
    .option("--wait <duration>", "how long to wait for things that are still starting", "5m0s")
    .option("-o, --output <format>", "table, json or short", "table");
}

export const register: Register = (parent, shell) => {
  addCheckOptions(
    parent
      .command("check")
      .description("Check the cluster, the control plane and the proxies for problems")
      .option("--pre", "check whether the control plane can be installed"),
  )
    .option("--expected-version <version>", "version that should be running (default: this executable's)")
    .option("--cli-version-override <version>", "pretend that this executable has another version")
    .addHelpText(
      "after",
      `
Examples:
  linkerd check --pre              # before the installation
  linkerd check                    # after it
  linkerd check --proxy -n app     # with the proxies of a namespace
  linkerd check -o short --wait 0s # for scripts: only what is wrong, exit code 1 on errors`,
    )
    .action(
      shell.action<CheckOptions>(async (context, _args, options) => {
        await printChecks(context, options, await selectCategories(context, options));
      }),
    );
};

async function selectCategories(context: Context, options: CheckOptions): Promise<Category[]> {
  const base = [kubernetesApi, kubernetesVersion];
  if (options.pre === true) return [...base, preKubernetesSetup];
  const categories = [...base, linkerdConfig, linkerdExistence, linkerdIdentity, webhooks, controlPlaneProxy];
  if (options.proxy === true) categories.push(dataPlane, linkerdIdentityDataPlane, opaquePorts);
  else categories.push(controlPlaneVersion);
  if (await vizInstalled(context)) categories.push(linkerdViz);
  return categories;
}

/** Unknown clusters have no extensions: the first check says so better than we could here. */
async function vizInstalled(context: Context): Promise<boolean> {
  try {
    const { items } = await cluster(context).list(resources.namespaces, { labelSelector: "linkerd.io/extension=viz" });
    return items.length > 0;
  } catch (error) {
    if (error instanceof MeshError) return false;
    throw error;
  }
}

/** Runs the checks, prints them in the wanted form and ends with exit code 1 when one failed. */
export async function printChecks(
  context: Context,
  options: CheckOptions,
  categories: readonly Category[],
  vizNamespace = "linkerd-viz",
): Promise<void> {
  const { out, colour } = context.terminal;
  const output = oneOf("--output", options.output, ["table", "json", "short"]);
  const wait = parseDuration(options.wait);
  if (wait === null)
    throw new MeshError(
      "invalid-argument",
      `Flag --wait has the value "${options.wait}"; use a duration such as 30s or 5m`,
    );
  let client: KubeClient | null = null;
  const scope: CheckScope = {
    client: () => (client ??= cluster(context)),
    linkerdNamespace: context.globals.linkerdNamespace,
    vizNamespace,
    dataPlaneNamespace: options.namespace ?? null,
    cliVersion: options.cliVersionOverride ?? version,
    expectedVersion: options.expectedVersion ?? null,
    wall: () => Date.now(),
  };
  const live = output === "table";
  let firstCategory = true;
  const results = await runChecks(categories, scope, {
    clock: systemClock,
    wait,
    onCategory: (id) => {
      if (!live) return;
      out(`${firstCategory ? "" : "\n"}${categoryHeading(id)}`);
      firstCategory = false;
    },
    onRetry: (check, error) => {
      redraw(context.terminal, `| ${check.description}: ${error.split("\n")[0] ?? ""}`);
    },
    onResult: (result) => {
      redraw(context.terminal, "");
      if (live) out(checkLine(result, colour));
    },
  });
  if (output === "json") out(jsonForm(results));
  else if (output === "short") out(shortForm(results, colour));
  else out(`\n${verdict(results, colour)}`);
  if (!succeeded(results)) throw new ExitSignal(1);
}
