/** The values of one installation: reading them, presets, and what of them anybody may see. The values are in `values/control-plane.ts`. */
import { MeshError } from "#lib/errors.ts";
import { isJsonObject, mergeJson, type Json, type JsonObject } from "./json.ts";
import { demand, orElse, type Expr, type Expressions } from "./template/expression.ts";
import { controlPlaneValues, type Values } from "./values/control-plane.ts";
import { defaultsOf, emptied } from "./values/field.ts";
import { valueRules } from "./values/rules.ts";

export { defaultRegistry, pullPolicies, type Resources, type Values } from "./values/control-plane.ts";

/** The effective values of an installation as ConfigMap `linkerd-config` keeps them: nothing is laid over the defaults any more. */
export function readConfig(effective: Json): Values {
  return controlPlaneValues.read(effective, "");
}

/** The values of one installation: defaults, then each layer over the ones before it. Throws naming the value that is wrong. */
export function resolveValues(...layers: readonly Json[]): Values {
  // Lists are replaced, but maps of the user's (labels, selectors) are laid over their defaults, as Helm does.
  let merged: Json = defaultsOf(controlPlaneValues);
  for (const layer of layers) {
    if (layer !== null && !isJsonObject(layer)) {
      throw new MeshError("invalid-argument", `A values file must hold an object, not ${JSON.stringify(layer)}`);
    }
    if (layer !== null) merged = mergeJson(merged, layer);
  }
  return checkTogether(controlPlaneValues.read(emptied(controlPlaneValues, merged), ""));
}

/** Rules that concern more than one value, and features that don't exist. */
function checkTogether(values: Values): Values {
  for (const { holds, message } of valueRules(values)) demand(holds, message);
  return values;
}

/** The trust domain of identities: `identityTrustDomain`, or the cluster's domain when it is empty. */
export const trustDomainOf = (values: Values): string => values.identityTrustDomain || values.clusterDomain;

/** The same of values that may be symbolic. */
export const trustDomainExpr = ({ identityTrustDomain, clusterDomain }: Expressions<Values>): Expr<string> =>
  orElse(identityTrustDomain, clusterDomain);

/** Layer for `--registry` and LINKERD_DOCKER_REGISTRY: our three images from another registry, without a trailing slash. */
export function registryLayer(registry: string): JsonObject {
  const base = registry.replace(/\/+$/, "");
  return {
    controllerImage: `${base}/controller`,
    proxy: { image: { name: `${base}/proxy` } },
    debugContainer: { image: { name: `${base}/debug` } },
  };
}

/** Layer for `--ha`: three replicas on different hosts, requests and limits, and webhooks that fail closed. */
export const highAvailabilityLayer: JsonObject = (() => {
  const controller: JsonObject = { cpu: { limit: "", request: "100m" }, memory: { limit: "250Mi", request: "50Mi" } };
  return {
    highAvailability: true,
    controllerReplicas: 3,
    enablePodAntiAffinity: true,
    enablePodDisruptionBudget: true,
    webhookFailurePolicy: "Fail",
    controller: { podDisruptionBudget: { maxUnavailable: 1 } },
    deploymentStrategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: "25%" } },
    proxy: { resources: { cpu: { request: "100m" }, memory: { limit: "250Mi", request: "20Mi" } } },
    controllerResources: controller,
    destinationResources: controller,
    heartbeatResources: controller,
    proxyInjectorResources: controller,
    spValidatorResources: controller,
    policyController: { resources: controller },
    identityResources: { cpu: { request: "100m" }, memory: { limit: "250Mi", request: "10Mi" } },
  };
})();

/** The values as they may be shown to anybody who can read a ConfigMap: private keys are taken out. */
export function publicValues(values: Values): Values {
  const copy = structuredClone(values);
  copy.identity.issuer.tls.keyPEM = "";
  for (const tls of [copy.proxyInjector, copy.profileValidator, copy.policyValidator]) tls.keyPEM = "";
  return copy;
}
