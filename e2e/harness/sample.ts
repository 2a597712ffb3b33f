/** The meshed sample application with a meshed pod to ask it from, and what a user applies to it. */
import { applyFile, emojivotoFile, waitForDeployments } from "../../scripts/mesh.ts";
import { ok, startCluster, toolboxImage, type TestCluster } from "./cluster.ts";
import { installMesh } from "./mesh.ts";

/** Of a ServiceAccount of its own, named as it is. */
const client = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: client, namespace: emojivoto}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: client, namespace: emojivoto}
spec:
  selector: {matchLabels: {app: client}}
  template:
    metadata: {labels: {app: client}}
    spec:
      serviceAccountName: client
      containers: [{name: shell, image: "${toolboxImage}", command: [sleep, infinity]}]
`;

export interface Sample {
  readonly cluster: TestCluster;
  apply(yaml: string): Promise<string>;
  /** Deletes objects of the application's namespace, each "TYPE/NAME". */
  remove(...what: string[]): Promise<string>;
  /** Runs a script on the client's pod that prints a word for each answer; how often each word came. */
  count(script: string): Promise<Record<string, number>>;
}

/** Starts a cluster with the mesh, the application and its client, all ready. */
export async function startSample(name: string): Promise<Sample> {
  const cluster = await startCluster(name);
  try {
    await installMesh(cluster);
    await applyFile(cluster.client, emojivotoFile);
    await ok(cluster.kubectl(["apply", "-f", "-"], client));
    await waitForDeployments(cluster.client, "emojivoto", 90_000);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return {
    cluster,
    apply: (yaml) => ok(cluster.kubectl(["apply", "-f", "-"], yaml)),
    remove: (...what) => ok(cluster.kubectl(["delete", "-n", "emojivoto", ...what])),
    async count(script) {
      const inClient = ["exec", "-n", "emojivoto", "deploy/client", "-c", "shell", "--", "sh", "-c", script];
      const out = await ok(cluster.kubectl(inClient));
      const counts: Record<string, number> = {};
      for (const word of out.trim().split(/\s+/)) counts[word] = (counts[word] ?? 0) + 1;
      return counts;
    },
  };
}
