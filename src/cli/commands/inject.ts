/** `linkerd inject`: adds the annotation (or with --manual the containers) of the proxy to manifests. */
import { Option } from "commander";
import { MeshError } from "#lib/errors.ts";
import { version } from "#lib/version.ts";
import { type EditedYaml, injectYaml, type InjectYamlOptions, uninjectYaml } from "#manifests/inject/inject-yaml.ts";
import { componentLabel } from "#manifests/inject/keys.ts";
import { findPod } from "#manifests/inject/workload.ts";
import type { Json } from "#manifests/json.ts";
import { registryLayer, resolveValues, type Values } from "#manifests/values.ts";
import { parseYaml } from "#manifests/yaml.ts";
import { resources } from "#kube/resource.ts";
import type { ConfigMap } from "#kube/types/core.ts";
import { cluster } from "../cluster.ts";
import { installedValues } from "../control-plane.ts";
import type { Context } from "../globals.ts";
import { injectReport } from "../inject-report.ts";
import { readInputs } from "../input-files.ts";
import { manifestStream } from "../output/edited-yaml.ts";
import type { Register } from "../shell.ts";
import { readText } from "../values-layers.ts";
import { addValueFlags, annotationsOf, deprecations, proxyFlags, valuesOf } from "../value-flags.ts";

interface Options {
  readonly manual?: boolean;
  readonly ignoreCluster?: boolean;
  readonly ingress?: boolean;
  readonly enableDebugSidecar?: boolean;
  readonly closeWaitTimeout?: string;
  readonly nativeSidecar?: boolean;
  readonly waitBeforeExitSeconds?: string;
  readonly requireIdentityOnInboundPorts?: string;
  readonly opaquePorts?: string;
  readonly registry?: string;
  readonly disableIdentity?: boolean;
  readonly identityTrustAnchorsFile?: string;
  readonly output: string;
  readonly [flag: string]: unknown;
}

export const register: Register = (parent, shell) => {
  const command = parent
    .command("inject")
    .description("Add the proxy to manifests: a file, a folder, an https URL or - for standard input")
    .argument("<input>", "file, folder, URL or -")
    .option("--manual", "add the containers themselves instead of the annotation that asks for them")
    .option("--ignore-cluster", "don't read the installation's values from the cluster")
    .option("--ingress", "mark the pods as ingress controllers")
    .option("--enable-debug-sidecar", "add the debug container")
    .option("--close-wait-timeout <duration>", "kernel setting for half-closed connections")
    .option("--native-sidecar", "run the proxy as an init container that never ends")
    .addOption(new Option("--no-native-sidecar").hideHelp())
    .option("--wait-before-exit-seconds <seconds>", "seconds that the proxy stays up after the pod is told to stop")
    .option("--require-identity-on-inbound-ports <ports>", "ports on which clients must prove an identity")
    .option("--opaque-ports <ports>", "ports and ranges whose protocol is not looked at")
    .option(
      "--identity-trust-anchors-file <file>",
      "with --manual --ignore-cluster: PEM file of what the proxies trust",
    )
    .option("--registry <registry>", "image registry (with --manual also $LINKERD_DOCKER_REGISTRY)")
    .addOption(new Option("--disable-identity").hideHelp())
    .option("-o, --output <format>", "yaml or json", "yaml");
  addValueFlags(command, proxyFlags)
    .addHelpText(
      "after",
      `
Examples:
  kubectl get deploy -n app -o yaml | linkerd inject - | kubectl apply -f -
  linkerd inject app.yaml | kubectl apply -f -
  linkerd inject https://example.org/app.yaml | kubectl apply -f -
  linkerd inject --manual folder/ > injected.yaml`,
    )
    .action(
      shell.action<Options>(async (context, args, options) => {
        const { err, out } = context.terminal;
        for (const note of deprecations(options, proxyFlags)) err(`${note}\n`);
        if (options.disableIdentity === true)
          err("Flag --disable-identity has no effect: every proxy has an identity\n");
        const values = await valuesFor(context, options);
        const texts: string[] = [];
        const reports: string[] = [];
        for (const { source, text } of await readInputs(args[0] ?? "-", context.terminal)) {
          const result = injectInput(text, options, {
            manual: options.manual === true,
            annotations: annotations(options),
            ingress: options.ingress === true,
            values,
            controlPlaneNamespace: context.globals.linkerdNamespace,
            createdBy: `linkerd/cli ${version}`,
            source,
          });
          texts.push(result.yaml);
          reports.push(injectReport(result, context.globals.verbose));
        }
        // Nothing is printed until every input was fit: a pipe must not apply half of them.
        out(manifestStream(texts, options.output));
        err(reports.join(""));
      }),
    );
};

/** Says what to do about the one value that only a cluster or the user can know. */
function injectInput(text: string, { ignoreCluster }: Options, options: InjectYamlOptions): EditedYaml {
  try {
    return injectOrReplace(text, options);
  } catch (error) {
    const { identityTrustAnchorsPEM: anchors } = options.values;
    const unknown = options.manual && ignoreCluster === true && anchors === "";
    if (!unknown || !(error instanceof MeshError) || !error.message.includes("identityTrustAnchorsPEM")) throw error;
    throw new MeshError(
      "invalid-argument",
      "A proxy needs to know what to trust, which is in the cluster; pass --identity-trust-anchors-file, or leave out --ignore-cluster",
    );
  }
}

/** A proxy of ours that is there already is replaced, so that injecting twice brings the newer settings. */
function injectOrReplace(text: string, options: InjectYamlOptions): EditedYaml {
  const first = injectYaml(text, options);
  const occupied = first.report.some(({ reasons }) => reasons.includes("sidecar_already_exists"));
  if (!occupied || hasControlPlane(text, options.source)) return first;
  return injectYaml(uninjectYaml(text, options.source).yaml, options);
}

/** The control plane's own proxies are part of its manifests and stay as they are. */
function hasControlPlane(text: string, source: string): boolean {
  return parseYaml(text, source)
    .flatMap((object) => (object["kind"] === "List" && Array.isArray(object["items"]) ? object["items"] : [object]))
    .some((object) => {
      const pod = typeof object === "object" && object !== null && !Array.isArray(object) ? findPod(object) : null;
      return pod?.pod.metadata?.labels?.[componentLabel] !== undefined;
    });
}

function annotations(options: Options): Record<string, string> {
  const extra: ReadonlyArray<readonly [name: string, value: string | undefined]> = [
    ["config.linkerd.io/enable-debug-sidecar", options.enableDebugSidecar === true ? "true" : undefined],
    ["config.linkerd.io/close-wait-timeout", options.closeWaitTimeout],
    [
      "config.linkerd.io/proxy-enable-native-sidecar",
      options.nativeSidecar === undefined ? undefined : String(options.nativeSidecar),
    ],
    ["config.alpha.linkerd.io/proxy-wait-before-exit-seconds", options.waitBeforeExitSeconds],
    ["config.linkerd.io/proxy-require-identity-inbound-ports", options.requireIdentityOnInboundPorts],
    ["config.linkerd.io/opaque-ports", options.opaquePorts],
  ];
  const all: Record<string, string> = {};
  if (options.registry !== undefined) {
    const base = options.registry.replace(/\/+$/, "");
    all["config.linkerd.io/proxy-image"] = `${base}/proxy`;
    if (options.enableDebugSidecar === true) all["config.linkerd.io/debug-image"] = `${base}/debug`;
  }
  Object.assign(all, annotationsOf(options, proxyFlags));
  for (const [name, value] of extra) if (value !== undefined) all[name] = value;
  return all;
}

/** The installation's values: a manual injection needs its trust anchors, the annotation alone does not. */
async function valuesFor(context: Context, options: Options): Promise<Values> {
  const under: Json = { linkerdVersion: version, cliVersion: `linkerd/cli ${version}` };
  // Checks the flags that become annotations by the rules of the values, too.
  const flags = valuesOf(options, proxyFlags);
  if (options.manual !== true) return resolveValues(under, flags);
  const registry = options.registry ?? context.terminal.env["LINKERD_DOCKER_REGISTRY"] ?? "";
  const images: Json = registry === "" ? {} : registryLayer(registry);
  if (options.ignoreCluster === true) {
    const file = options.identityTrustAnchorsFile;
    return resolveValues(under, images, flags, file === undefined ? {} : { identityTrustAnchorsPEM: readText(file) });
  }
  const client = cluster(context);
  const namespace = context.globals.linkerdNamespace;
  const found = await installedValues(client, namespace);
  if (found === null) {
    throw new MeshError(
      "not-found",
      `There is no control plane in namespace "${namespace}" to take the settings from; install it or pass --ignore-cluster`,
    );
  }
  const roots = await client.find<ConfigMap>(resources.configMaps, "linkerd-identity-trust-roots", namespace);
  const anchors = roots?.data?.["ca-bundle.crt"];
  const trust: Json = anchors === undefined ? {} : { identityTrustAnchorsPEM: anchors };
  return resolveValues(under, found as Json, trust, images, flags);
}
