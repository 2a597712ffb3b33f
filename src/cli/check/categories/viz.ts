/** Does the viz extension work? Parts that an installation does not have (tap, Prometheus) are not asked for. */
import { MeshError } from "#lib/errors.ts";
import { parseCertificates, verifyChain } from "#lib/x509/certificate.ts";
import { type Resource, resources } from "#kube/resource.ts";
import type { Pod, Secret } from "#kube/types/core.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { isReady, readyPod, withPodHttp } from "../../pod-http.ts";
import { metricsApiPort, metricsApiSelector } from "../../viz-api.ts";
import { bullets, type Category, type CheckScope, SkipCheck } from "../check.ts";
import { requireAll } from "./exists.ts";
import { assertNotSoon } from "./identity.ts";
import { assertProxiesReady } from "./proxies.ts";
import { proxiesMatchCli, proxiesUpToDate } from "./versions.ts";

const apiServices: Resource = {
  group: "apiregistration.k8s.io",
  version: "v1",
  plural: "apiservices",
  kind: "APIService",
  namespaced: false,
};

interface ApiService extends KubeObject {
  readonly spec?: { readonly caBundle?: string };
  readonly status?: {
    readonly conditions?: ReadonlyArray<{
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }>;
  };
}

async function vizPods({ client, vizNamespace, facts }: CheckScope): Promise<Pod[]> {
  const { items } = await facts.once("viz pods", () =>
    client().list<Pod>(resources.pods, { namespace: vizNamespace, labelSelector: "linkerd.io/extension=viz" }),
  );
  return items.filter(({ status }) => status?.phase !== "Succeeded");
}

function hasProxy({ spec }: Pod): boolean {
  return [...(spec.initContainers ?? []), ...spec.containers].some(({ name }) => name === "linkerd-proxy");
}

/** The registration of tap with the API server; skips the check where there is none. */
async function tapService({ client }: CheckScope): Promise<ApiService> {
  const found = await client().find<ApiService>(apiServices, "v1alpha1.tap.linkerd.io");
  if (found === null) throw new SkipCheck();
  return found;
}

async function tapCertificates(scope: CheckScope): Promise<ReturnType<typeof parseCertificates>> {
  const secret = await scope.client().get<Secret>(resources.secrets, "tap-k8s-tls", scope.vizNamespace);
  return parseCertificates(Buffer.from(secret.data?.["tls.crt"] ?? "", "base64").toString("utf8"));
}

const roles = (namespace: string): string[] => [`linkerd-${namespace}-metrics-api`];

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
      fatal: true,
      run: async ({ client, vizNamespace }) => requireAll(client(), resources.clusterRoles, roles(vizNamespace)),
    },
    {
      id: "l5d-viz-crb-exists",
      description: "linkerd-viz ClusterRoleBindings exist",
      fatal: true,
      run: async ({ client, vizNamespace }) => requireAll(client(), resources.clusterRoleBindings, roles(vizNamespace)),
    },
    {
      id: "l5d-tap-cert-valid",
      description: "tap API server has valid cert",
      fatal: true,
      run: async (scope) => {
        const { spec } = await tapService(scope);
        const [leaf, ...rest] = await tapCertificates(scope);
        const anchors = parseCertificates(Buffer.from(spec?.caBundle ?? "", "base64").toString("utf8"));
        verifyChain(leaf!, rest, anchors, scope.wall());
      },
    },
    {
      id: "l5d-tap-cert-not-expiring-soon",
      description: "tap API server cert is valid for at least 60 days",
      warning: true,
      run: async (scope) => {
        await tapService(scope);
        assertNotSoon(await tapCertificates(scope), scope.wall());
      },
    },
    {
      id: "l5d-tap-api",
      description: "tap API service is running",
      warning: true,
      retry: true,
      run: async (scope) => {
        const { metadata, status } = await tapService(scope);
        const available = (status?.conditions ?? []).find(({ type }) => type === "Available");
        if (available?.status === "True") return;
        const why = available === undefined ? "" : `: ${available.reason ?? ""}: ${available.message ?? ""}`;
        throw new MeshError("unavailable", `${metadata.name} service not available${why}`);
      },
    },
    {
      id: "l5d-viz-pods-injection",
      description: "linkerd-viz pods are injected",
      warning: true,
      run: async (scope) => {
        const bare = (await vizPods(scope)).filter((pod) => !hasProxy(pod));
        if (bare.length === 0) return;
        throw new MeshError(
          "conflict",
          `could not find proxy container for these pods; kubectl rollout restart deploy -n ${scope.vizNamespace} gives them one:\n` +
            bullets(bare.map(({ metadata }) => metadata.name)),
        );
      },
    },
    {
      id: "l5d-viz-pods-running",
      description: "viz extension pods are running",
      warning: true,
      retry: true,
      run: async (scope) => {
        const pods = await vizPods(scope);
        if (pods.length === 0)
          throw new MeshError("not-found", `no pods of the extension in the "${scope.vizNamespace}" namespace`);
        const waiting = pods.filter((pod) => !isReady(pod)).map(({ metadata }) => metadata.name);
        if (waiting.length > 0) throw new MeshError("unavailable", `these pods are not ready:\n${bullets(waiting)}`);
      },
    },
    {
      id: "l5d-viz-proxy-healthy",
      description: "viz extension proxies are healthy",
      warning: true,
      retry: true,
      run: async (scope) => {
        // Those without a proxy are named above, and waiting gives them none.
        const meshed = (await vizPods(scope)).filter(hasProxy);
        if (meshed.length > 0) assertProxiesReady(meshed, scope.vizNamespace);
      },
    },
    proxiesUpToDate("l5d-viz-proxy-cp-version", "viz extension proxies are up-to-date", vizPods),
    proxiesMatchCli("l5d-viz-proxy-cli-version", "viz extension proxies and cli versions match", vizPods),
    {
      id: "l5d-viz-prometheus",
      description: "prometheus is installed and configured correctly",
      warning: true,
      run: async ({ client, vizNamespace }) => {
        const found = await client().find(resources.deployments, "prometheus", vizNamespace);
        // The metrics API keeps what it scrapes by itself; a Prometheus is only for those who want one.
        if (found === null) throw new SkipCheck();
        const roleNames = [`linkerd-${vizNamespace}-prometheus`];
        await requireAll(client(), resources.clusterRoles, roleNames);
        await requireAll(client(), resources.clusterRoleBindings, roleNames);
        await requireAll(client(), resources.configMaps, ["prometheus-config"], vizNamespace);
      },
    },
    {
      id: "l5d-viz-metrics-api",
      description: "viz extension self-check",
      fatal: true,
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
