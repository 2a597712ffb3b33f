/** `linkerd inject`: adds the annotation (or with --manual the containers) of the proxy to manifests. */
import { version } from "#lib/version.ts";
import { injectYaml, reportLines } from "#manifests/inject/inject-yaml.ts";
import type { Json } from "#manifests/json.ts";
import { resolveValues } from "#manifests/values.ts";
import { resources } from "#kube/resource.ts";
import { MeshError } from "#lib/errors.ts";
import { installedValues, type ConfigMap } from "../control-plane.ts";
import type { Context } from "../globals.ts";
import { readInputs } from "../input-files.ts";
import { cluster } from "../cluster.ts";
import { type Register } from "../shell.ts";
import { addValueFlags, annotationsOf, proxyFlags } from "../value-flags.ts";

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
    .option("--wait-before-exit-seconds <seconds>", "seconds that the proxy stays up after the pod is told to stop")
    .option("--require-identity-on-inbound-ports <ports>", "ports on which clients must prove an identity")
    .option("--opaque-ports <ports>", "ports and ranges whose protocol is not looked at");
  addValueFlags(command, proxyFlags)
    .addHelpText(
      "after",
      `
Examples:
  kubectl get deploy -n app -o yaml | linkerd inject - | kubectl apply -f -
  linkerd inject app.yaml | kubectl apply -f -
  linkerd inject --manual --ignore-cluster folder/ > injected.yaml`,
    )
    .action(
      shell.action<Options>(async (context, args, options) => {
        const values = await valuesFor(context, options);
        const outputs: string[] = [];
        const notes: string[] = [];
        for (const { source, text } of await readInputs(args[0] ?? "-", context.terminal)) {
          const result = injectYaml(text, {
            manual: options.manual === true,
            annotations: annotations(options),
            ingress: options.ingress === true,
            values,
            controlPlaneNamespace: context.globals.linkerdNamespace,
            createdBy: `linkerd/cli ${version}`,
            source,
          });
          outputs.push(result.yaml);
          notes.push(...result.warnings.map((warning) => `‼ ${warning}`), ...reportLines(result.report));
        }
        // Nothing is printed until every input was fit: a pipe must not apply half of them.
        context.terminal.out(outputs.join("---\n"));
        context.terminal.err(`\n${notes.join("\n")}\n\n`);
      }),
    );
};

function annotations(options: Options): Record<string, string> {
  const extra: ReadonlyArray<readonly [name: string, value: string | undefined]> = [
    ["config.linkerd.io/enable-debug-sidecar", options.enableDebugSidecar === true ? "true" : undefined],
    ["config.linkerd.io/close-wait-timeout", options.closeWaitTimeout],
    ["config.linkerd.io/proxy-enable-native-sidecar", options.nativeSidecar === true ? "true" : undefined],
    ["config.alpha.linkerd.io/proxy-wait-before-exit-seconds", options.waitBeforeExitSeconds],
    ["config.linkerd.io/proxy-require-identity-inbound-ports", options.requireIdentityOnInboundPorts],
    ["config.linkerd.io/opaque-ports", options.opaquePorts],
  ];
  const all = annotationsOf(options, proxyFlags);
  for (const [name, value] of extra) if (value !== undefined) all[name] = value;
  return all;
}

/** The installation's values: a manual injection needs its trust anchors, the annotation alone does not. */
async function valuesFor(context: Context, options: Options) {
  const under: Json = { linkerdVersion: version, cliVersion: `linkerd/cli ${version}` };
  if (options.ignoreCluster === true || options.manual !== true) return resolveValues(under);
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
  return resolveValues(under, found as Json, anchors === undefined ? {} : { identityTrustAnchorsPEM: anchors });
}
