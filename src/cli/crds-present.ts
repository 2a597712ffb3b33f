/** Which of the mesh's custom resource definitions a cluster lacks. */
import type { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { renderCrds } from "#manifests/crds.ts";
import { isJsonObject, type Manifest } from "#manifests/json.ts";

interface Crd extends KubeObject {
  readonly spec?: { readonly versions?: ReadonlyArray<{ readonly name: string; readonly served?: boolean }> };
}

/** Definitions that only some features need: old installations lack them and work. */
const optional = new Set([
  "trafficsplits.split.smi-spec.io",
  "faultinjections.policy.linkerd-ts.dev",
  "denypolicies.policy.linkerd-ts.dev",
  "jwtauthentications.policy.linkerd-ts.dev",
  "meshtlsrequirements.policy.linkerd-ts.dev",
]);

/** What is missing, in words: whole definitions, or versions of them that this executable's manifests have. */
export async function missingCrds(client: KubeClient): Promise<string[]> {
  const { items } = await client.list<Crd>(resources.customResourceDefinitions);
  const present = new Map(items.map((crd) => [crd.metadata.name, crd]));
  const missing: string[] = [];
  for (const wanted of renderCrds({ controlPlaneNamespace: "linkerd", createdBy: "" })) {
    const { name } = wanted.metadata;
    // Gateway API's own are checked apart: they come from elsewhere as often.
    if (optional.has(name) || name.endsWith(".gateway.networking.k8s.io")) continue;
    const found = present.get(name);
    if (found === undefined) {
      missing.push(`missing ${name}`);
      continue;
    }
    const served = new Set((found.spec?.versions ?? []).map((version) => version.name));
    for (const version of servedVersions(wanted)) {
      if (!served.has(version)) missing.push(`CRD ${name} is missing version ${version}`);
    }
  }
  return missing;
}

function servedVersions(crd: Manifest): string[] {
  const spec = crd["spec"];
  const versions = isJsonObject(spec) && Array.isArray(spec["versions"]) ? spec["versions"] : [];
  return versions.flatMap((version) =>
    isJsonObject(version) && version["served"] === true && typeof version["name"] === "string" ? [version["name"]] : [],
  );
}
