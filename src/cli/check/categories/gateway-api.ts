/** Are the Gateway API's resource types there? */
import { MeshError } from "#lib/errors.ts";
import { resources } from "#kube/resource.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { renderCrds } from "#manifests/crds.ts";
import { type Category, SkipCheck } from "../check.ts";

interface Crd extends KubeObject {
  readonly spec?: { readonly versions?: ReadonlyArray<{ readonly name: string }> };
}

const names = ["httproutes.gateway.networking.k8s.io", "grpcroutes.gateway.networking.k8s.io"];

/** Whether our own manifests have these types; without them nothing here reads any. */
function bringsGatewayApi(): boolean {
  const all = renderCrds({ controlPlaneNamespace: "linkerd", createdBy: "" });
  return all.some(({ metadata }) => names.includes(metadata.name));
}

export const gatewayApiCrd: Category = {
  id: "gateway-api-crd",
  checks: [
    {
      id: "gateway-api-crd",
      description: "Gateway API CRDs are installed",
      fatal: true,
      run: async ({ client, pre }) => {
        const found: Crd[] = [];
        for (const name of names) {
          const crd = await client().find<Crd>(resources.customResourceDefinitions, name);
          if (crd !== null) found.push(crd);
        }
        for (const { metadata, spec } of found) {
          if ((spec?.versions ?? []).some((version) => version.name === "v1")) continue;
          throw new MeshError(
            "conflict",
            `the ${metadata.name} CRD is missing the v1 version, please upgrade to Gateway API v1.1.1 or later`,
          );
        }
        if (found.length > 0) return;
        // Nothing here reads them where our own manifests don't have them; where they do, the installation brings them.
        if (pre || !bringsGatewayApi()) throw new SkipCheck();
        throw new MeshError(
          "not-found",
          "The Gateway API CRDs must be installed; run: linkerd upgrade --crds | kubectl apply -f -\n" +
            "or see https://gateway-api.sigs.k8s.io/guides/#installing-gateway-api",
        );
      },
    },
  ],
};
