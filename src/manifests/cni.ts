/** Everything that `linkerd install-cni` prints; the chart linkerd2-cni is made from the same parts, without the Namespace. */
import { mergeJson, type Json, type JsonObject, type Manifest } from "./json.ts";
import { cniManifests } from "./install/cni.ts";
import { demand, plain } from "./template/expression.ts";
import { cniImage, cniRules, cniValues, type CniValues } from "./values/cni.ts";
import { defaultsOf, emptied } from "./values/field.ts";

export type { CniValues } from "./values/cni.ts";

/** Defaults with each layer over the ones before it. Throws "invalid-argument" naming the value that is wrong. */
export function resolveCniValues(...layers: readonly Json[]): CniValues {
  const merged = layers.reduce<Json>((all, layer) => mergeJson(all, layer ?? {}), defaultsOf(cniValues));
  const values = cniValues.read(emptied(cniValues, merged), "");
  for (const { holds, message } of cniRules(values)) demand(holds, message);
  return values;
}

/** Layer for `--registry` and LINKERD_DOCKER_REGISTRY. */
export function cniRegistryLayer(registry: string): JsonObject {
  const name = cniImage.replace(/^.*\//, `${registry.replace(/\/+$/, "")}/`);
  return { image: { name }, repairController: { image: { name } } };
}

export interface RenderCniOptions {
  /** Default "linkerd-cni". */
  readonly namespace?: string;
  /** For the annotation `linkerd.io/created-by`: "linkerd/cli VERSION". */
  readonly createdBy: string;
  /** False for Helm, which makes the namespace itself. Default true. */
  readonly withNamespace?: boolean;
}

export function renderCni(values: CniValues, options: RenderCniOptions): Manifest[] {
  const { namespace = "linkerd-cni", createdBy } = options;
  const manifests = cniManifests({ values, namespace, createdBy }).map((tree) => plain(tree) as Manifest);
  return options.withNamespace === false ? manifests : [namespaceManifest(namespace), ...manifests];
}

function namespaceManifest(name: string): Manifest {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name,
      annotations: { "linkerd.io/inject": "disabled" },
      labels: {
        "linkerd.io/cni-resource": "true",
        "config.linkerd.io/admission-webhooks": "disabled",
        // It mounts directories of the host and is on its network.
        "pod-security.kubernetes.io/enforce": "privileged",
      },
    },
  };
}
