/** The control plane on a test cluster. */
import type { Json } from "#manifests/json.ts";
import { installControlPlane, waitForDeployments } from "../../scripts/mesh.ts";
import { eventually, ok, type TestCluster } from "./cluster.ts";

const pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "injected", namespace: "default", annotations: { "linkerd.io/inject": "enabled" } },
  spec: { containers: [{ name: "main", image: "none" }] },
};

/** Resource types and control plane, at work; `values` as for `linkerd install -f`. */
export async function installMesh(cluster: TestCluster, values: Json = {}): Promise<void> {
  await installControlPlane(cluster.client, values);
  await meshReady(cluster);
}

/**
 * Waits until the control plane's pods are ready and pods are injected. That comes a moment later: the API server reaches the
 * webhook by its Service, whose rules follow the pod's readiness, and what is made before goes without a proxy.
 */
export async function meshReady(cluster: TestCluster): Promise<void> {
  await waitForDeployments(cluster.client, "linkerd", 90_000);
  await eventually("an injected pod", 30_000, async () => {
    const made = await ok(
      cluster.kubectl(["create", "--dry-run=server", "-o", "json", "-f", "-"], JSON.stringify(pod)),
    );
    return made.includes('"linkerd-proxy"') ? true : null;
  });
}
