/** `linkerd install`: prints the manifests of the control plane, or with --crds those of its resource types. */
import type { Command } from "commander";
import { MeshError } from "#lib/errors.ts";
import { version } from "#lib/version.ts";
import { renderCrds } from "#manifests/crds.ts";
import type { Json, JsonObject, Manifest } from "#manifests/json.ts";
import { renderInstall } from "#manifests/render-install.ts";
import { toYaml } from "#manifests/yaml.ts";
import { installedValues } from "../control-plane.ts";
import type { Context } from "../globals.ts";
import { cluster } from "../cluster.ts";
import { oneOf, type Register } from "../shell.ts";
import { addValueFlags, installFlags, proxyFlags, valuesOf } from "../value-flags.ts";
import { addValuesOptions, readText, valuesLayers, type ValuesOptions } from "../values-layers.ts";

export interface InstallCommandOptions extends ValuesOptions {
  readonly crds?: boolean;
  readonly ignoreCluster?: boolean;
  readonly ha?: boolean;
  readonly output: string;
  readonly registry?: string;
  readonly identityExternalIssuer?: boolean;
  readonly identityTrustAnchorsFile?: string;
  readonly identityIssuerCertificateFile?: string;
  readonly identityIssuerKeyFile?: string;
  readonly [flag: string]: unknown;
}

export function addInstallOptions(command: Command): Command {
  command
    .option("--ignore-cluster", "don't look at the cluster, just render")
    .option("--ha", "run the control plane with several replicas")
    .option("-o, --output <format>", "yaml or json", "yaml")
    .option("--registry <registry>", "image registry (also $LINKERD_DOCKER_REGISTRY)")
    .option("--identity-external-issuer", "the issuer is kept in a Secret of type kubernetes.io/tls by somebody else")
    .option("--identity-trust-anchors-file <file>", "PEM file of the trust anchors")
    .option("--identity-issuer-certificate-file <file>", "PEM file of the issuer's certificate")
    .option("--identity-issuer-key-file <file>", "PEM file of the issuer's key");
  return addValuesOptions(addValueFlags(addValueFlags(command, installFlags), proxyFlags));
}

export const register: Register = (parent, shell) => {
  addInstallOptions(
    parent
      .command("install")
      .description("Print the manifests of the control plane")
      .option("--crds", "print the custom resource definitions, which must be there first"),
  )
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
        if (options.crds === true) {
          print(context, renderCrds(crdContext(context)), options.output);
          return;
        }
        if (options.ignoreCluster !== true) await refuseSecondInstall(context);
        print(context, renderControlPlane(context, options), options.output);
      }),
    );
};

function crdContext(context: Context) {
  return { controlPlaneNamespace: context.globals.linkerdNamespace, createdBy: `linkerd/cli ${version}` };
}

function renderControlPlane(context: Context, options: InstallCommandOptions): readonly Manifest[] {
  const registry = options.registry ?? context.terminal.env["LINKERD_DOCKER_REGISTRY"];
  return renderInstall({
    version,
    namespace: context.globals.linkerdNamespace,
    layers: installLayers(options),
    highAvailability: options.ha === true,
    ...(registry === undefined ? {} : { registry }),
    now: Date.now(),
  }).manifests;
}

/** Everything the user said, lowest first: values files and --set, then flags. */
export function installLayers(options: InstallCommandOptions): Json[] {
  const layers: Json[] = [...valuesLayers(options), valuesOf(options, installFlags), valuesOf(options, proxyFlags)];
  const trust: JsonObject = {};
  if (options.identityTrustAnchorsFile !== undefined)
    trust["identityTrustAnchorsPEM"] = readText(options.identityTrustAnchorsFile);
  const tls: JsonObject = {};
  if (options.identityIssuerCertificateFile !== undefined)
    tls["crtPEM"] = readText(options.identityIssuerCertificateFile);
  if (options.identityIssuerKeyFile !== undefined) tls["keyPEM"] = readText(options.identityIssuerKeyFile);
  const issuer: JsonObject = Object.keys(tls).length > 0 ? { tls } : {};
  if (options.identityExternalIssuer === true) issuer["scheme"] = "kubernetes.io/tls";
  if (Object.keys(issuer).length > 0) trust["identity"] = { issuer };
  if (Object.keys(trust).length > 0) layers.push(trust);
  return layers;
}

async function refuseSecondInstall(context: Context): Promise<void> {
  const namespace = context.globals.linkerdNamespace;
  let found;
  try {
    found = await installedValues(cluster(context), namespace);
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    throw new MeshError(error.code, `Could not look at the cluster; pass --ignore-cluster to render without one`, {
      cause: error,
    });
  }
  if (found === null) return;
  throw new MeshError(
    "conflict",
    `A control plane is installed in namespace "${namespace}" (ConfigMap "linkerd-config"); pass --ignore-cluster to render anyway`,
  );
}

export function print(context: Context, manifests: readonly JsonObject[], format: string): void {
  if (oneOf("--output", format, ["yaml", "json"]) === "yaml") context.terminal.out(toYaml(manifests));
  else context.terminal.out(manifests.map((manifest) => `${JSON.stringify(manifest, null, 2)}\n`).join(""));
}
