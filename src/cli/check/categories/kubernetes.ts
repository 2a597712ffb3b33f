/** Can the cluster be reached, and is it new enough? */
import { MeshError } from "#lib/errors.ts";
import type { Category } from "../check.ts";

/** Oldest Kubernetes version whose APIs the mesh uses. */
export const minimumKubernetes = { major: 1, minor: 29 } as const;

export const kubernetesApi: Category = {
  id: "kubernetes-api",
  checks: [
    {
      id: "k8s-api",
      description: "can initialize the client",
      fatal: true,
      run: async ({ client }) => {
        client();
      },
    },
    {
      id: "k8s-api",
      description: "can query the Kubernetes API",
      fatal: true,
      run: async ({ client }) => {
        await client().version();
      },
    },
  ],
};

export const kubernetesVersion: Category = {
  id: "kubernetes-version",
  checks: [
    {
      id: "k8s-version",
      description: "is running the minimum Kubernetes API version",
      run: async ({ client }) => {
        const { gitVersion } = await client().version();
        const match = /^v?(\d+)\.(\d+)/.exec(gitVersion);
        const [major, minor] = [Number(match?.[1]), Number(match?.[2])];
        const { major: needMajor, minor: needMinor } = minimumKubernetes;
        if (major > needMajor || (major === needMajor && minor >= needMinor)) return;
        throw new MeshError(
          "environment",
          `Kubernetes is on version [${gitVersion.replace(/^v/, "")}], but version [${needMajor}.${needMinor}.0] or more recent is required\n` +
            "(native sidecars are missing before; to try it nevertheless: linkerd install --set proxy.nativeSidecar=false)",
        );
      },
    },
  ],
};
