/** A cluster in memory with or without a control plane, for tests of whole commands. */
import { version } from "#lib/version.ts";
import { apiVersion, resourceOf, resources } from "#kube/resource.ts";
import { FakeApi } from "#kube/testing/fake-api.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { renderCrds } from "#manifests/crds.ts";
import type { Json, Manifest } from "#manifests/json.ts";
import { renderInstall } from "#manifests/render-install.ts";
import { matchesLabels, parseLabelSelector } from "#model/label-selector.ts";

/** Empty but for what every Kubernetes has; everything may be created. */
export function emptyCluster(): FakeApi {
  const api = new FakeApi();
  api.intercept = selectByLabels;
  for (const name of ["default", "kube-system"]) api.put(resources.namespaces, { metadata: { name } });
  api.put(resources.nodes, {
    metadata: { name: "node" },
    spec: { podCIDR: "10.244.0.0/24" },
    status: { nodeInfo: { containerRuntimeVersion: "containerd://2.1.0" } },
  } as KubeObject);
  api.put(resources.services, {
    metadata: { name: "kubernetes", namespace: "default" },
    spec: { clusterIP: "10.96.0.1", ports: [{ port: 443, targetPort: 6443 }] },
  } as KubeObject);
  return api;
}

/** The server in memory knows no selectors, and no access reviews. */
async function selectByLabels(request: Request, url: URL): Promise<Response | null> {
  if (request.method === "POST" && url.pathname.endsWith("/selfsubjectaccessreviews")) {
    return Response.json({ ...((await request.json()) as object), status: { allowed: true } });
  }
  const selector = url.searchParams.get("labelSelector");
  if (selector === null || url.searchParams.has("watch")) return null;
  url.searchParams.delete("labelSelector");
  const answer = await fetch(url);
  if (!answer.ok) return answer;
  const all = (await answer.json()) as { items: KubeObject[] };
  const requirements = parseLabelSelector(selector);
  return Response.json({
    ...all,
    items: all.items.filter(({ metadata }) => matchesLabels(requirements, metadata.labels ?? {})),
  });
}

export interface InstalledOptions {
  readonly layers?: readonly Json[];
  /** The version that was installed. Default: this build's. */
  readonly version?: string;
}

/** With a control plane that is up. */
export function installedCluster(options: InstalledOptions = {}): FakeApi {
  const api = emptyCluster();
  const installed = options.version ?? version;
  for (const crd of renderCrds({ controlPlaneNamespace: "linkerd", createdBy: `linkerd/cli ${installed}` }))
    put(api, crd);
  const { manifests } = renderInstall({ version: installed, layers: options.layers ?? [], now: Date.now() });
  for (const manifest of manifests) put(api, manifest);
  for (const component of ["destination", "identity", "proxy-injector"]) {
    putPod(api, `linkerd-${component}-5d9c-abcde`, "linkerd", installed, {
      "linkerd.io/control-plane-component": component,
    });
  }
  return api;
}

function put(api: FakeApi, manifest: Manifest): void {
  const resource = resourceOf(manifest.apiVersion, manifest.kind);
  if (resource === null) throw new Error(`Unknown kind ${manifest.apiVersion} ${manifest.kind}`);
  api.put(resource, manifest as unknown as KubeObject);
}

/** A pod with a proxy that is ready. */
export function putPod(
  api: FakeApi,
  name: string,
  namespace: string,
  proxyVersion: string,
  labels: Readonly<Record<string, string>> = {},
): void {
  const count = api.requests.length + name.length;
  api.put(resources.pods, {
    apiVersion: apiVersion(resources.pods),
    kind: "Pod",
    metadata: {
      name,
      namespace,
      labels: { ...labels, "linkerd.io/control-plane-ns": "linkerd" },
      annotations: { "linkerd.io/proxy-version": proxyVersion },
    },
    spec: { containers: [{ name: "linkerd-proxy" }] },
    status: {
      phase: "Running",
      podIP: `10.244.0.${count % 200}`,
      conditions: [{ type: "Ready", status: "True" }],
      containerStatuses: [{ name: "linkerd-proxy", ready: true }],
    },
  } as KubeObject);
}
