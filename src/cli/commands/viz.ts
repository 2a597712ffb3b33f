/** `linkerd viz …`: golden metrics. */
import { MeshError } from "#lib/errors.ts";
import { version } from "#lib/version.ts";
import { toYaml } from "#manifests/yaml.ts";
import { renderViz } from "#viz/client/install.ts";
import { parseResource } from "#viz/client/resource-kinds.ts";
import type { StatRequest } from "#viz/client/stat-row.ts";
import { kubernetesApi } from "../check/categories/kubernetes.ts";
import { linkerdViz } from "../check/categories/viz.ts";
import { installedObjects } from "../installed-objects.ts";
import { parseDuration } from "#lib/duration.ts";
import { printManifests } from "../output/manifests.ts";
import { statJson, statTable } from "../output/stat-table.ts";
import { cluster, namespaceOr } from "../cluster.ts";
import { oneOf, type Register } from "../shell.ts";
import { vizStat } from "../viz-api.ts";
import { registerDashboard } from "./viz-dashboard.ts";
import { registerTap } from "./viz-tap.ts";
import { addCheckOptions, type CheckOptions } from "./check.ts";
import { printChecks } from "../check/print.ts";

interface VizOptions {
  readonly vizNamespace: string;
}

interface StatOptions extends VizOptions {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly timeWindow: string;
  readonly to?: string;
  readonly toNamespace?: string;
  readonly from?: string;
  readonly fromNamespace?: string;
  readonly output: string;
  readonly selector?: string;
  readonly unmeshed?: boolean;
}

const vizNamespaceFlag = ["--viz-namespace <namespace>", "namespace of the viz extension", "linkerd-viz"] as const;

export const register: Register = (parent, shell) => {
  const viz = parent.command("viz").description("Golden metrics of the mesh");

  viz
    .command("install")
    .description("Print the manifests of the viz extension")
    .option(...vizNamespaceFlag)
    .option("--registry <registry>", "image registry", parent.opts()["registry"] ?? "cr.l5d.io/linkerd")
    .option("--scrape-interval <duration>", "time between two scrapes of a proxy", "10s")
    .option("--identity-trust-domain <domain>", "trust domain of the mesh's identities", "cluster.local")
    .addHelpText("after", "\nExamples:\n  linkerd viz install | kubectl apply -f -")
    .action(
      shell.action<VizOptions & { registry: string; scrapeInterval: string; identityTrustDomain: string }>(
        async (context, _args, options) => {
          const registry = context.terminal.env["LINKERD_DOCKER_REGISTRY"] ?? options.registry;
          const objects = renderViz({
            namespace: options.vizNamespace,
            linkerdNamespace: context.globals.linkerdNamespace,
            image: `${registry}/controller`,
            version,
            scrapeInterval: duration("--scrape-interval", options.scrapeInterval),
            trustDomain: options.identityTrustDomain,
            now: Date.now(),
          });
          context.terminal.out(toYaml(objects));
        },
      ),
    );

  registerDashboard(viz, shell);
  registerTap(viz, shell);

  viz
    .command("uninstall")
    .description("Print the resources of the viz extension, for kubectl delete")
    .option(...vizNamespaceFlag)
    .option("-o, --output <format>", "yaml or json", "yaml")
    .addHelpText("after", "\nExamples:\n  linkerd viz uninstall | kubectl delete -f -")
    .action(
      shell.action<VizOptions & { output: string }>(async (context, _args, options) => {
        const { vizNamespace } = options;
        const found = await installedObjects(cluster(context), "linkerd.io/extension=viz", vizNamespace);
        if (found.length === 0)
          throw new MeshError("not-found", `There is no viz extension in namespace "${vizNamespace}" to uninstall`);
        printManifests(context, found, options.output);
      }),
    );

  addCheckOptions(viz.command("check").description("Check the viz extension for problems"))
    .option(...vizNamespaceFlag)
    .addHelpText("after", "\nExamples:\n  linkerd viz check --wait 30s")
    .action(
      shell.action<CheckOptions & VizOptions>(async (context, _args, options) => {
        await printChecks(context, options, [kubernetesApi, linkerdViz], null, options.vizNamespace);
      }),
    );

  viz
    .command("stat")
    .description("Print success rate, requests per second and latencies of resources")
    .argument("<resource>", "TYPE, TYPE/NAME or TYPE NAME, e.g. deploy/web")
    .argument("[name]")
    .option("-n, --namespace <namespace>", "namespace of the resource")
    .option("-A, --all-namespaces", "resources of all namespaces")
    .option("-t, --time-window <duration>", "window of the numbers, at least 15s", "1m")
    .option("--to <resource>", "only requests to this resource")
    .option("--to-namespace <namespace>", "namespace of --to (default: that of the resource)")
    .option("--from <resource>", "only requests from this resource")
    .option("--from-namespace <namespace>", "namespace of --from (default: that of the resource)")
    .option("-o, --output <format>", "table, wide or json", "table")
    .option("-l, --selector <selector>", "only pods with these labels")
    .option("--unmeshed", "also resources without a proxy")
    .option(...vizNamespaceFlag)
    .addHelpText(
      "after",
      `
Examples:
  linkerd viz stat deploy -n emojivoto                          # all deployments
  linkerd viz stat deploy/web --to deploy/voting -n emojivoto   # what web sends to voting
  linkerd viz stat ns                                           # namespaces
  linkerd viz stat deploy -A -o json -t 5m`,
    )
    .action(
      shell.action<StatOptions>(async (context, args, options) => {
        const output = oneOf("--output", options.output, ["table", "wide", "json"]);
        const needsNamespace = options.allNamespaces !== true && context.globals.apiAddr === undefined;
        const namespace =
          options.allNamespaces === true
            ? null
            : (options.namespace ?? (needsNamespace ? namespaceOr(cluster(context), undefined) : "default"));
        const rows = await vizStat(
          () => cluster(context),
          options.vizNamespace,
          context.globals.apiAddr,
          statRequest(args, options, namespace),
        );
        if (output === "json") {
          context.terminal.out(statJson(rows));
          return;
        }
        if (rows.length === 0) {
          context.terminal.err(`No traffic found${namespace === null ? "" : ` in namespace "${namespace}"`}\n`);
          return;
        }
        context.terminal.out(statTable(rows, { allNamespaces: namespace === null, wide: output === "wide" }));
      }),
    );
};

function duration(flag: string, text: string): number {
  const value = parseDuration(text);
  if (value !== null) return value;
  throw new MeshError("invalid-argument", `Flag ${flag} has the value "${text}"; use a duration such as 30s or 1m`);
}

function statRequest(args: readonly string[], options: StatOptions, namespace: string | null): StatRequest {
  const window = duration("--time-window", options.timeWindow);
  if (window < 15_000)
    throw new MeshError("invalid-argument", `Flag --time-window is ${options.timeWindow}; use at least 15s`);
  if (options.to !== undefined && options.from !== undefined) {
    throw new MeshError("invalid-argument", "Use either --to or --from, not both");
  }
  return {
    resource: parseResource(args, namespace),
    window,
    ...(options.to === undefined ? {} : { to: parseResource([options.to], options.toNamespace ?? namespace) }),
    ...(options.from === undefined ? {} : { from: parseResource([options.from], options.fromNamespace ?? namespace) }),
    ...(options.selector === undefined ? {} : { selector: options.selector }),
    unmeshed: options.unmeshed === true,
  };
}
