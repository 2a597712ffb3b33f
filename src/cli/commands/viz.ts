/** `linkerd viz …`: golden metrics. */
import type { Command } from "commander";
import { MeshError } from "#lib/errors.ts";
import { version } from "#lib/version.ts";
import { toYaml } from "#manifests/yaml.ts";
import { renderViz } from "#viz/client/install.ts";
import { renderAllowScrapes } from "#viz/client/allow-scrapes.ts";
import type { StatRow } from "#viz/client/stat-row.ts";
import { kubernetesApi } from "../check/categories/kubernetes.ts";
import { linkerdViz } from "../check/categories/viz.ts";
import { installedObjects, objectKey } from "../installed-objects.ts";
import { parseDuration } from "#lib/duration.ts";
import { printManifests } from "../output/manifests.ts";
import { statJson, statTable } from "../output/stat-table.ts";
import { cluster } from "../cluster.ts";
import { oneOf, type Register, type Shell } from "../shell.ts";
import { vizStat } from "../viz-api.ts";
import {
  addResource,
  addWindow,
  namespaceOf,
  queryOf,
  sayNothingFound,
  vizNamespaceFlag,
  type QueryOptions,
} from "../viz-query.ts";
import { registerAnswers } from "./viz-answers.ts";
import { registerList } from "./viz-list.ts";
import { registerDashboard } from "./viz-dashboard.ts";
import { registerProfile } from "./profile.ts";
import { registerTap } from "./viz-tap.ts";
import { registerTop } from "./viz-top.ts";
import { addCheckOptions, type CheckOptions } from "./check.ts";
import { printChecks } from "../check/print.ts";

interface VizOptions {
  readonly vizNamespace: string;
}

interface InstallOptions extends VizOptions {
  readonly registry: string;
  readonly scrapeInterval: string;
  readonly identityTrustDomain: string;
  readonly prometheusUrl?: string;
  readonly set: readonly string[];
}

const collect = (value: string, known: readonly string[]): readonly string[] => [...known, value];

function prometheusOf(options: InstallOptions): { readonly prometheusUrl?: string } {
  let url = options.prometheusUrl;
  for (const setting of options.set) {
    const [key, ...rest] = setting.split("=");
    if (key !== "prometheusUrl") {
      throw new MeshError("invalid-argument", `Flag --set has the value "${setting}"; viz has only prometheusUrl=URL`);
    }
    url = rest.join("=");
  }
  if (url === undefined || url === "") return {};
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return { prometheusUrl: url };
  throw new MeshError("invalid-argument", `The Prometheus URL "${url}" is none; use http://HOST:PORT`);
}

/** The kinds of `viz stat all`, in the order of its tables. */
const allKinds = [
  "namespace",
  "cronjob",
  "daemonset",
  "deployment",
  "job",
  "pod",
  "replicaset",
  "replicationcontroller",
  "statefulset",
  "service",
  "authority",
];

export const register: Register = (parent, shell) => {
  const viz = parent.command("viz").description("Golden metrics of the mesh");

  viz
    .command("install")
    .description("Print the manifests of the viz extension")
    .option(...vizNamespaceFlag)
    .option("--registry <registry>", "image registry", parent.opts()["registry"] ?? "cr.l5d.io/linkerd")
    .option("--scrape-interval <duration>", "time between two scrapes of a proxy", "10s")
    .option("--prometheus-url <url>", "a Prometheus that scrapes the proxies, instead of the embedded store")
    .option("--set <key=value>", "prometheusUrl=URL, as in Linkerd's chart; may be repeated", collect, [])
    .option("--identity-trust-domain <domain>", "trust domain of the mesh's identities", "cluster.local")
    .addHelpText("after", "\nExamples:\n  linkerd viz install | kubectl apply -f -")
    .action(
      shell.action<InstallOptions>(async (context, _args, options) => {
        const registry = context.terminal.env["LINKERD_DOCKER_REGISTRY"] ?? options.registry;
        const objects = renderViz({
          namespace: options.vizNamespace,
          linkerdNamespace: context.globals.linkerdNamespace,
          image: `${registry}/controller`,
          version,
          scrapeInterval: duration("--scrape-interval", options.scrapeInterval),
          trustDomain: options.identityTrustDomain,
          ...prometheusOf(options),
          now: Date.now(),
        });
        context.terminal.out(toYaml(objects));
      }),
    );

  registerDashboard(viz, shell);
  registerTap(viz, shell);
  registerTop(viz, shell);
  registerProfile(viz, shell);

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

  viz
    .command("prune")
    .description("Print the resources of the viz extension that this version no longer has, for kubectl delete")
    .option(...vizNamespaceFlag)
    .option("-o, --output <format>", "yaml or json", "yaml")
    .addHelpText(
      "after",
      "\nExamples:\n  linkerd viz install | kubectl apply -f -\n  linkerd viz prune | kubectl delete -f -",
    )
    .action(
      shell.action<VizOptions & { output: string }>(async (context, _args, options) => {
        const { vizNamespace } = options;
        const found = await installedObjects(cluster(context), "linkerd.io/extension=viz", vizNamespace, "each");
        const kept = renderViz({
          namespace: vizNamespace,
          linkerdNamespace: context.globals.linkerdNamespace,
          image: "controller",
          version,
          scrapeInterval: 10_000,
          now: Date.now(),
        });
        const keys = new Set(kept.map(objectKey));
        const extra = found.filter((object) => !keys.has(objectKey(object)));
        if (extra.length > 0) printManifests(context, extra, options.output);
        else context.terminal.err("There is nothing to prune\n");
      }),
    );

  viz
    .command("allow-scrapes")
    .description("Print the policy that lets the viz extension scrape the proxies of a namespace")
    .requiredOption("-n, --namespace <namespace>", "namespace of the proxies")
    .option(...vizNamespaceFlag)
    .option("-o, --output <format>", "yaml or json", "yaml")
    .addHelpText("after", "\nExamples:\n  linkerd viz allow-scrapes -n emojivoto | kubectl apply -f -")
    .action(
      shell.action<VizOptions & { namespace: string; output: string }>(async (context, _args, options) => {
        const objects = renderAllowScrapes(options.namespace, options.vizNamespace, `linkerd/cli ${version}`);
        printManifests(context, objects, options.output);
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

  registerStat(viz, shell);
  registerAnswers(viz, shell);
  registerList(viz, shell);
};

function registerStat(viz: Command, shell: Shell): void {
  addWindow(addResource(viz.command("stat")))
    .description("Print success rate, requests per second and latencies of resources")
    .option("-A, --all-namespaces", "resources of all namespaces")
    .option("--to <resource>", "only requests to this resource")
    .option("--to-namespace <namespace>", "namespace of --to (default: that of the resource)")
    .option("--from <resource>", "only requests from this resource")
    .option("--from-namespace <namespace>", "namespace of --from (default: that of the resource)")
    .option("-o, --output <format>", "table, wide or json", "table")
    .option("-l, --selector <selector>", "only pods with these labels")
    .option("--unmeshed", "also resources without a proxy")
    .addHelpText(
      "after",
      `
Examples:
  linkerd viz stat deploy -n emojivoto                          # all deployments
  linkerd viz stat deploy/web --to deploy/voting -n emojivoto   # what web sends to voting
  linkerd viz stat ns                                           # namespaces
  linkerd viz stat all -n emojivoto                             # every kind, one table each
  linkerd viz stat server -n emojivoto                          # what Servers let in and refuse
  linkerd viz stat deploy -A -o json -t 5m`,
    )
    .action(
      shell.action<QueryOptions>(async (context, args, options) => {
        const output = oneOf("--output", options.output, ["table", "wide", "json"]);
        const namespace = namespaceOf(context, options);
        const kinds = args[0] === "all" && args.length === 1 ? allKinds : null;
        const tables: StatRow[][] = [];
        for (const words of kinds?.map((kind) => [kind]) ?? [args]) {
          // A namespace lies in none: asking for those of one namespace means that one.
          const only = kinds !== null && words[0] === "namespace" && namespace !== null ? [...words, namespace] : words;
          const request = queryOf(only, options, namespace);
          const rows = await vizStat(() => cluster(context), options.vizNamespace, context.globals.apiAddr, request);
          if (rows.length > 0) tables.push(rows);
        }
        if (output === "json") context.terminal.out(statJson(tables.flat()));
        else if (tables.length === 0) sayNothingFound(context, "No traffic found", namespace);
        else {
          const style = { allNamespaces: namespace === null, wide: output === "wide", kindInNames: kinds !== null };
          context.terminal.out(tables.map((rows) => statTable(rows, style)).join("\n"));
        }
      }),
    );
}

function duration(flag: string, text: string): number {
  const value = parseDuration(text);
  if (value !== null) return value;
  throw new MeshError("invalid-argument", `Flag ${flag} has the value "${text}"; use a duration such as 30s or 1m`);
}
