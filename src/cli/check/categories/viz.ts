/** Does the viz extension work? */
import { MeshError } from "#lib/errors.ts";
import { resources } from "#kube/resource.ts";
import { readyPod, withPodHttp } from "../../pod-http.ts";
import { metricsApiPort, metricsApiSelector } from "../../viz-api.ts";
import type { Category } from "../check.ts";

export const linkerdViz: Category = {
  id: "linkerd-viz",
  checks: [
    {
      id: "l5d-viz-ns-exists",
      description: "linkerd-viz Namespace exists",
      fatal: true,
      run: async ({ client, vizNamespace }) => {
        await client().get(resources.namespaces, vizNamespace);
      },
    },
    {
      id: "l5d-viz-existence-client",
      description: "can initialize the client",
      fatal: true,
      run: async ({ client }) => {
        client();
      },
    },
    {
      id: "l5d-viz-cr-exists",
      description: "linkerd-viz ClusterRoles exist",
      run: async ({ client, vizNamespace }) => {
        await client().get(resources.clusterRoles, `linkerd-${vizNamespace}-metrics-api`);
      },
    },
    {
      id: "l5d-viz-crb-exists",
      description: "linkerd-viz ClusterRoleBindings exist",
      run: async ({ client, vizNamespace }) => {
        await client().get(resources.clusterRoleBindings, `linkerd-${vizNamespace}-metrics-api`);
      },
    },
    {
      id: "l5d-viz-pods-running",
      description: "viz extension pods are running",
      fatal: true,
      retry: true,
      run: async ({ client, vizNamespace }) => {
        await readyPod(client(), vizNamespace, metricsApiSelector);
      },
    },
    {
      id: "l5d-viz-metrics-api",
      description: "viz extension self-check",
      retry: true,
      run: async ({ client, vizNamespace }) => {
        const pod = await readyPod(client(), vizNamespace, metricsApiSelector);
        const target = { namespace: vizNamespace, pod: pod.metadata.name, port: metricsApiPort };
        const answer = await withPodHttp(client(), target, (get) => get("/api/self-check"));
        const state = JSON.parse(answer.body) as { readonly ready?: boolean };
        if (answer.status !== 200 || state.ready !== true) {
          throw new MeshError(
            "unavailable",
            `metrics-api answered with status ${answer.status}: ${answer.body.trim()}`,
          );
        }
      },
    },
  ],
};
