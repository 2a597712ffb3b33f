/** Brings the mesh and the sample application up on a cluster: what the demo and the scenarios have in common. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { sleep, systemClock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import { version } from "#lib/version.ts";
import { applyAll } from "#kube/apply-all.ts";
import { KubeClient } from "#kube/client.ts";
import { loadClusterAccess } from "#kube/config.ts";
import { resources } from "#kube/resource.ts";
import type { Workload } from "#kube/types/apps.ts";
import type { KubeManifest } from "#kube/types/meta.ts";
import { renderCrds } from "#manifests/crds.ts";
import type { Json, JsonObject } from "#manifests/json.ts";
import { renderInstall } from "#manifests/render-install.ts";
import { parseYaml } from "#manifests/yaml.ts";
import { renderViz } from "#viz/client/install.ts";

export const repository = resolve(import.meta.dir, "..");
export const emojivotoFile = join(repository, "examples/emojivoto/emojivoto.yaml");

export function clientOf(kubeconfigPath: string): KubeClient {
  return new KubeClient(loadClusterAccess({ kubeconfig: kubeconfigPath, env: {} }));
}

const asManifests = (objects: readonly JsonObject[]): KubeManifest[] => objects as unknown as KubeManifest[];

/** Resource types and control plane; `values` as for `linkerd install -f`. Does not wait for pods. */
export async function installControlPlane(client: KubeClient, values: Json = {}): Promise<void> {
  await applyAll(
    client,
    asManifests(renderCrds({ controlPlaneNamespace: "linkerd", createdBy: `linkerd/cli ${version}` })),
    { clock: systemClock },
  );
  const { manifests } = renderInstall({ version, layers: [values], now: Date.now() });
  await applyAll(client, asManifests(manifests), { clock: systemClock });
}

export async function installViz(client: KubeClient, scrapeInterval: number): Promise<void> {
  const values = {
    namespace: "linkerd-viz",
    linkerdNamespace: "linkerd",
    image: "cr.l5d.io/linkerd/controller",
    version,
    scrapeInterval,
    now: Date.now(),
  };
  await applyAll(client, asManifests(renderViz(values)), { clock: systemClock });
}

export async function applyFile(client: KubeClient, path: string): Promise<void> {
  await applyAll(client, asManifests(parseYaml(readFileSync(path, "utf8"), path)), { clock: systemClock });
}

/** Waits until every Deployment of the namespace has all its replicas updated and ready. */
export async function waitForDeployments(
  client: KubeClient,
  namespace: string,
  timeoutMs: number,
  onWaiting: (text: string) => void = () => {},
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const { items } = await client.list<Workload>(resources.deployments, { namespace });
    const waiting = items.filter(({ metadata, spec, status }) => {
      const wanted = spec.replicas ?? 1;
      const seen = status?.observedGeneration === metadata.generation;
      return (
        !seen ||
        (status?.updatedReplicas ?? 0) < wanted ||
        (status?.readyReplicas ?? 0) < wanted ||
        (status?.replicas ?? 0) > wanted
      );
    });
    if (items.length > 0 && waiting.length === 0) return;
    const names = waiting.map(({ metadata }) => metadata.name).join(", ");
    onWaiting(names === "" ? "no deployment yet" : `waiting for ${names}`);
    if (performance.now() > deadline) {
      throw new MeshError(
        "timeout",
        `The deployments of namespace "${namespace}" are not ready after ${timeoutMs / 1000} s: ${names || "there are none"}`,
      );
    }
    await sleep(systemClock, 150);
  }
}
