/** `linkerd upgrade`: the manifests of this version with what the installation was told before, plus what is told now. */
import { MeshError } from "#lib/errors.ts";
import { version } from "#lib/version.ts";
import { parseCertificates } from "#lib/x509/certificate.ts";
import type { KubeClient } from "#kube/client.ts";
import { renderCrds } from "#manifests/crds.ts";
import { renderInstall } from "#manifests/render-install.ts";
import type { Trust } from "#manifests/trust.ts";
import type { Values } from "#manifests/values.ts";
import { cluster } from "../cluster.ts";
import { installedValues } from "../control-plane.ts";
import { missingCrds } from "../crds-present.ts";
import type { Context } from "../globals.ts";
import { readInputs } from "../input-files.ts";
import { addInstallOptions, type InstallOptions, installLayers } from "../install-options.ts";
import { type Installation, manifestReader, overridesName, readInstallation } from "../installation.ts";
import { meshedPods, podsThatRefuse } from "../meshed-trust.ts";
import { isNewer } from "../newer.ts";
import { noteIgnored } from "../output/ignored-values.ts";
import { printManifests } from "../output/manifests.ts";
import { refuseDockerRuntime } from "../runtime-check.ts";
import type { Register } from "../shell.ts";
import { storedLayers } from "../stored-values.ts";
import { runsAsRoot } from "./install.ts";

interface UpgradeOptions extends InstallOptions {
  readonly crds?: boolean;
  readonly force?: boolean;
  readonly fromManifests?: string;
  readonly output: string;
}

export const register: Register = (parent, shell) => {
  const command = parent
    .command("upgrade")
    .description(
      "Print the manifests of this version for a control plane that is installed, keeping its settings, its issuer and its certificates",
    )
    .option("--crds", "print the custom resource definitions, which must be upgraded first")
    .option(
      "--from-manifests <file>",
      "take the settings from the output of an installation (a file, or - for standard input) instead of the cluster",
    )
    .option("--force", "also when proxies that run now don't trust the issuer")
    .option("-o, --output <format>", "yaml or json", "yaml");
  addInstallOptions(command, false)
    .addHelpText(
      "after",
      `
Examples:
  linkerd upgrade --crds | kubectl apply -f -
  linkerd upgrade | kubectl apply -f -
  linkerd prune | kubectl delete -f -           # what this version no longer has
  linkerd upgrade --identity-issuer-certificate-file new.crt \\
    --identity-issuer-key-file new.key | kubectl apply -f -`,
    )
    .action(
      shell.action<UpgradeOptions>(async (context, _args, options) => {
        const namespace = context.globals.linkerdNamespace;
        if (options.crds === true) {
          const crds = renderCrds({ controlPlaneNamespace: namespace, createdBy: `linkerd/cli ${version}` });
          printManifests(context, crds, options.output);
          return;
        }
        const client = options.fromManifests === undefined ? cluster(context) : null;
        if (client !== null) await requireCrds(client);
        const installation = await installationOf(client, options, context);
        const layers = [...storedLayers(installation, Date.now()), ...installLayers(options, context.terminal)];
        noteDropped(context, installation.dropped);
        refuseForeignIssuer(installation, options);
        const { manifests, values, ignored } = renderInstall({
          version,
          namespace,
          layers,
          webhookTls: installation.webhookTls,
          now: Date.now(),
        });
        if (client !== null) {
          await noteDowngrade(client, context);
          if (!runsAsRoot(layers)) await refuseDockerRuntime(client);
          if (options.force !== true) await refuseUntrustedIssuer(client, namespace, values, installation.trust);
        }
        if (options.identityTrustAnchorsFile !== undefined) noteNewAnchors(context);
        noteIgnored(context, ignored);
        printManifests(context, manifests, options.output);
      }),
    );
};

async function requireCrds(client: KubeClient): Promise<void> {
  const missing = await missingCrds(client);
  if (missing.length === 0) return;
  throw new MeshError(
    "conflict",
    `The resource types of Linkerd must be upgraded first; run: linkerd upgrade --crds | kubectl apply -f -\n  * ${missing.join("\n  * ")}`,
  );
}

/** What users don't hear of they look for later. */
function noteDropped(context: Context, dropped: readonly string[]): void {
  for (const path of dropped) {
    context.terminal.err(
      `‼ The installation has the value "${path}", which this version does not know; it is left out\n`,
    );
  }
}

async function installationOf(
  client: KubeClient | null,
  options: UpgradeOptions,
  context: Context,
): Promise<Installation> {
  const namespace = context.globals.linkerdNamespace;
  const file = options.fromManifests;
  const reader = client ?? manifestReader(await textOf(file ?? "", context), file ?? "");
  const installation = await readInstallation(reader, namespace, Date.now());
  if (installation !== null) return installation;
  throw new MeshError(
    "not-found",
    file === undefined
      ? `There is no Secret "${overridesName}" in namespace "${namespace}"; upgrade with Helm what was installed with Helm, or install first with: linkerd install`
      : `There is no Secret "${overridesName}" in "${file}"; give the whole output of an installation`,
  );
}

/** A file, a folder, a URL or standard input, as `inject` takes them. */
async function textOf(argument: string, context: Context): Promise<string> {
  const inputs = await readInputs(argument, context.terminal);
  return inputs.map(({ text }) => text).join("\n---\n");
}

/** In the scheme kubernetes.io/tls our manifests have no issuer: files for it would silently do nothing. */
function refuseForeignIssuer({ overrides }: Installation, options: UpgradeOptions): void {
  if (options.identityIssuerCertificateFile === undefined) return;
  const identity = overrides["identity"] as { issuer?: { scheme?: string } } | undefined;
  if (identity?.issuer?.scheme !== "kubernetes.io/tls") return;
  throw new MeshError(
    "invalid-argument",
    'The issuer is kept by somebody else (scheme "kubernetes.io/tls"); rotate it where it is kept, not here',
  );
}

/** An issuer that running proxies don't trust would cut them off when they renew their certificates. */
async function refuseUntrustedIssuer(
  client: KubeClient,
  namespace: string,
  values: Values,
  inUse: Trust | null,
): Promise<void> {
  const { scheme, tls } = values.identity.issuer;
  if (scheme !== "linkerd.io/tls") return;
  const [certificate, ...intermediates] = parseCertificates(tls.crtPEM);
  const pods = (await meshedPods(client, null)).filter(
    // The control plane's own proxies read the anchors from a ConfigMap when they start again.
    (pod) => pod.metadata.namespace !== namespace,
  );
  const distributed = inUse === null ? [] : parseCertificates(inUse.anchorPem);
  const refusing = podsThatRefuse(pods, { certificate: certificate!, intermediates }, distributed, Date.now());
  if (refusing.length === 0) return;
  const shown = refusing.slice(0, 20).map((name) => `  * ${name}`);
  if (refusing.length > shown.length) shown.push(`  … and ${refusing.length - shown.length} more`);
  throw new MeshError(
    "conflict",
    "The issuer does not validate against the trust anchors of these pods:\n" +
      `${shown.join("\n")}\n` +
      "First upgrade with the old and the new anchor in one --identity-trust-anchors-file: proxies of this version learn it " +
      "while they run, older ones when their pods are restarted. Or pass --force; these pods will most likely lose their connections",
  );
}

/** Not refused: going back is what one does when a new version misbehaves. */
async function noteDowngrade(client: KubeClient, context: Context): Promise<void> {
  const installed = (await installedValues(client, context.globals.linkerdNamespace))?.["linkerdVersion"];
  if (typeof installed !== "string" || !isNewer(installed, version)) return;
  context.terminal.err(
    `‼ The control plane is of version ${installed}, which is newer than this executable's ${version}\n`,
  );
}

function noteNewAnchors(context: Context): void {
  context.terminal.err(
    "‼ Proxies of this version learn the new trust anchors while they run; older ones keep theirs until their pods are restarted\n",
  );
}
