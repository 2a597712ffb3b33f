/** Are the proxies of the control plane and of the applications there, ready and set up rightly? */
import { MeshError } from "#lib/errors.ts";
import { resources } from "#kube/resource.ts";
import type { Pod, Service } from "#kube/types/core.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { meshedPods } from "../../meshed-trust.ts";
import { bullets, type Category, type Check, type CheckScope } from "../check.ts";
import { controlPlanePods } from "./existence.ts";
import { proxiesMatchCli, proxiesUpToDate } from "./versions.ts";

/** Proxies of the mesh, in the namespace that -n names or in all. */
export async function dataPlanePods(scope: CheckScope): Promise<Pod[]> {
  return await scope.facts.once("data plane pods", () => meshedPods(scope.client(), scope.dataPlaneNamespace));
}

const nameOf = ({ metadata }: KubeObject): string => `${metadata.namespace}/${metadata.name}`;

/** Throws when there is none or one is not ready. */
export function assertProxiesReady(pods: readonly Pod[], namespace: string | null): void {
  if (pods.length === 0) {
    const where = namespace === null ? "" : ` in the "${namespace}" namespace`;
    throw new MeshError("not-found", `no "linkerd-proxy" containers found${where}`);
  }
  for (const pod of pods) {
    const phase = pod.status?.phase ?? "Unknown";
    if (phase === "Succeeded" || pod.metadata.deletionTimestamp !== undefined || pod.status?.reason === "Evicted")
      continue;
    if (phase !== "Running") throw new MeshError("unavailable", `pod "${pod.metadata.name}" status is ${phase}`);
    const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
    const proxy = statuses.find((status) => status.name === "linkerd-proxy");
    if (proxy === undefined)
      throw new MeshError("unavailable", `could not find proxy container for ${pod.metadata.name} pod`);
    if (!proxy.ready)
      throw new MeshError("unavailable", `container "linkerd-proxy" in pod "${pod.metadata.name}" is not ready`);
  }
}

export const controlPlaneProxy: Category = {
  id: "linkerd-control-plane-proxy",
  checks: [
    {
      id: "l5d-cp-proxy-healthy",
      description: "control plane proxies are healthy",
      fatal: true,
      retry: true,
      run: async (scope) => assertProxiesReady(await controlPlanePods(scope), scope.linkerdNamespace),
    },
    proxiesUpToDate("l5d-cp-proxy-version", "control plane proxies are up-to-date", controlPlanePods),
    proxiesMatchCli("l5d-cp-proxy-cli-version", "control plane proxies and cli versions match", controlPlanePods),
  ],
};

/** Settings that only work as annotations. */
const annotationOnly = (label: string): boolean =>
  label === "linkerd.io/inject" || label.startsWith("config.linkerd.io") || label.startsWith("config.alpha.linkerd.io");

/** Settings that only work as labels. */
const labelOnly = (annotation: string): boolean => annotation === "mirror.linkerd.io/exported";

async function services({ client, dataPlaneNamespace }: CheckScope): Promise<Service[]> {
  const selection = dataPlaneNamespace === null ? {} : { namespace: dataPlaneNamespace };
  return (await client().list<Service>(resources.services, selection)).items;
}

/** Warns of objects with keys at the wrong place; `sentence` introduces the list. */
function misplaced(
  id: string,
  description: string,
  sentence: string,
  objects: (scope: CheckScope) => Promise<readonly KubeObject[]>,
  wrongKeys: (object: KubeObject) => string[],
): Check {
  return {
    id,
    description,
    warning: true,
    run: async (scope) => {
      const wrong = (await objects(scope))
        .map((object) => ({ name: nameOf(object), keys: wrongKeys(object) }))
        .filter(({ keys }) => keys.length > 0);
      if (wrong.length === 0) return;
      const lines = wrong.map(({ name, keys }) => [name, ...keys].join("\n\t\t"));
      throw new MeshError("invalid-argument", `${sentence}:\n${bullets(lines)}`);
    },
  };
}

const wrongLabels = ({ metadata }: KubeObject): string[] => Object.keys(metadata.labels ?? {}).filter(annotationOnly);
const wrongAnnotations = ({ metadata }: KubeObject): string[] =>
  Object.keys(metadata.annotations ?? {}).filter(labelOnly);

export const dataPlane: Category = {
  id: "linkerd-data-plane",
  checks: [
    {
      id: "l5d-data-plane-exists",
      description: "data plane namespace exists",
      fatal: true,
      run: async ({ client, dataPlaneNamespace }) => {
        if (dataPlaneNamespace === null) return;
        if ((await client().find(resources.namespaces, dataPlaneNamespace)) === null)
          throw new MeshError("not-found", `The "${dataPlaneNamespace}" namespace does not exist`);
      },
    },
    {
      id: "l5d-data-plane-ready",
      description: "data plane proxies are ready",
      fatal: true,
      retry: true,
      run: async (scope) => assertProxiesReady(await dataPlanePods(scope), scope.dataPlaneNamespace),
    },
    proxiesUpToDate("l5d-data-plane-version", "data plane is up-to-date", dataPlanePods),
    proxiesMatchCli("l5d-data-plane-cli-version", "data plane and cli versions match", dataPlanePods),
    misplaced(
      "l5d-data-plane-pod-labels",
      "data plane pod labels are configured correctly",
      "Some labels on data plane pods should be annotations",
      dataPlanePods,
      wrongLabels,
    ),
    misplaced(
      "l5d-data-plane-services-labels",
      "data plane service labels are configured correctly",
      "Some labels on data plane services should be annotations",
      services,
      wrongLabels,
    ),
    misplaced(
      "l5d-data-plane-services-annotations",
      "data plane service annotations are configured correctly",
      "Some annotations on data plane services should be labels",
      services,
      wrongAnnotations,
    ),
  ],
};
