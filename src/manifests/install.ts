/** Everything that `linkerd install` prints, in the order in which it can be applied; the chart is made from the same parts. */
import type { JsonObject, Manifest } from "./json.ts";
import { certManagerManifests } from "./install/cert-manager.ts";
import { destinationManifests } from "./install/destination.ts";
import { identityManifests } from "./install/identity.ts";
import type { InstallContext } from "./install/labels.ts";
import { configManifests, configText, namespaceManifest, overridesSecret } from "./install/namespace.ts";
import { podMonitorManifests } from "./install/pod-monitor.ts";
import { proxyInjectorManifests } from "./install/proxy-injector.ts";
import { plain, type Expr, type Tree } from "./template/expression.ts";
import type { Values } from "./values.ts";

export interface RenderOptions {
  /** Default "linkerd". */
  readonly namespace: string;
  /** For the annotation `linkerd.io/created-by`: "linkerd/cli VERSION". */
  readonly createdBy: string;
  /** What the user set, kept for upgrades in Secret `linkerd-config-overrides`; null leaves the Secret out (Helm keeps its own). */
  readonly overrides: JsonObject | null;
  /** False for Helm, which makes the namespace itself. Default true. */
  readonly withNamespace?: boolean;
}

/** A part is a template file of the chart. */
type PartName = "cert-manager" | "identity" | "destination" | "config" | "proxy-injector" | "pod-monitor";

/** The parts of the control plane by the name of their template file, in order. */
export function controlPlaneParts(
  context: InstallContext,
  config: Expr<string>,
): Readonly<Record<PartName, readonly Tree[]>> {
  return {
    "cert-manager": certManagerManifests(context),
    identity: identityManifests(context),
    destination: destinationManifests(context),
    config: configManifests(context, config),
    "proxy-injector": proxyInjectorManifests(context),
    "pod-monitor": podMonitorManifests(context),
  };
}

/**
 * The control plane. `values` must hold the trust anchors and, in the scheme `linkerd.io/tls`, the issuer's certificate
 * and key (see `trust.ts` for making them), and the webhooks' certificates unless somebody else keeps those.
 */
export function renderControlPlane(values: Values, options: RenderOptions): Manifest[] {
  const context: InstallContext = { values, namespace: options.namespace, createdBy: options.createdBy };
  const parts = controlPlaneParts(context, configText(values));
  const stored = options.overrides === null ? [] : [overridesSecret(context, options.overrides)];
  const trees: Tree[] = Object.entries(parts).flatMap(([name, part]) =>
    name === "config" ? [...part, ...stored] : [...part],
  );
  const manifests = trees.filter((tree) => tree !== undefined).map((tree) => plain(tree) as Manifest);
  return options.withNamespace === false ? manifests : [namespaceManifest(values, options.namespace), ...manifests];
}
