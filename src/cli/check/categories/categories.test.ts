/** What each check says when something is wrong. One cluster, one thing wrong with it, one message. */
import { afterEach, describe, expect, test } from "bun:test";
import { version } from "#lib/version.ts";
import { KubeClient } from "#kube/client.ts";
import { type Resource, resources } from "#kube/resource.ts";
import type { FakeApi } from "#kube/testing/fake-api.ts";
import type { Pod, Service } from "#kube/types/core.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { generateTrust, generateWebhookTls } from "#manifests/trust.ts";
import { selectCategories } from "../../commands/check.ts";
import { emptyCluster, installedCluster, putPod } from "../../testing/fake-cluster.ts";
import { type Category, type CheckResult, type CheckScope, Facts } from "../check.ts";
import { runChecks } from "../run.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { disagreements } from "./opaque-ports.ts";
import { linkerdViz } from "./viz.ts";

const day = 24 * 3_600_000;
let api: FakeApi | null = null;
afterEach(async () => {
  await api?.stop();
  api = null;
});

/** The results that are not fine, by description. */
async function problems(
  cluster: FakeApi,
  flags: { pre?: boolean; proxy?: boolean; crds?: boolean; categories?: readonly Category[] } = {},
  over: Partial<CheckScope> = {},
): Promise<Record<string, CheckResult>> {
  api = cluster;
  const client = new KubeClient(cluster.access);
  const scope: CheckScope = {
    client: () => client,
    linkerdNamespace: "linkerd",
    cniNamespace: "linkerd-cni",
    vizNamespace: "linkerd-viz",
    dataPlaneNamespace: null,
    pre: flags.pre === true,
    cniEnabled: false,
    cliVersion: version,
    expectedVersion: null,
    wall: () => Date.now(),
    facts: new Facts(),
    ...over,
  };
  const categories = flags.categories ?? selectCategories({ ...flags, wait: "0s", output: "table" });
  const results = await runChecks(categories, scope, { clock: new FakeClock(), wait: 0 });
  const bad = results.flatMap(({ checks }) => checks).filter(({ outcome }) => outcome !== "success");
  return Object.fromEntries(bad.map((result) => [result.description, result]));
}

function change<T extends KubeObject>(
  cluster: FakeApi,
  resource: Resource,
  name: string,
  namespace: string | undefined,
  edit: (object: T) => KubeObject,
): FakeApi {
  cluster.put(resource, edit(cluster.read<T>(resource, name, namespace)!));
  return cluster;
}

const trustRoots = "linkerd-identity-trust-roots";

test("a webhook certificate that an earlier version left and nobody serves is no problem", async () => {
  const cluster = installedCluster();
  const { certPem, keyPem } = generateWebhookTls("linkerd-proxy-injector", "linkerd", Date.now() - 400 * day);
  const data = {
    "tls.crt": Buffer.from(certPem).toString("base64"),
    "tls.key": Buffer.from(keyPem).toString("base64"),
  };
  for (const service of ["linkerd-proxy-injector", "linkerd-sp-validator", "linkerd-policy-validator"]) {
    cluster.put(resources.secrets, {
      metadata: { name: `${service}-k8s-tls`, namespace: "linkerd" },
      data,
    } as KubeObject);
  }
  const about = Object.keys(await problems(cluster)).filter((description) => description.includes("cert"));
  expect(about).toEqual([]);
});

test("a webhook certificate that is served and has expired is one", async () => {
  const { certPem, keyPem, caPem } = generateWebhookTls("linkerd-proxy-injector", "linkerd", Date.now() - 400 * day);
  const layer = { proxyInjector: { crtPEM: certPem, keyPEM: keyPem, caBundle: caPem } };
  const found = await problems(installedCluster({ layers: [layer] }));
  expect(found["proxy-injector webhook has valid cert"]?.error).toContain("expired");
});

describe("before an installation", () => {
  test("a Kubernetes that is too old is named with what it lacks", async () => {
    const cluster = emptyCluster();
    const { intercept } = cluster;
    cluster.intercept = (request, url) =>
      url.pathname === "/version" ? Response.json({ gitVersion: "v1.24.3" }) : intercept(request, url);
    const { "is running the minimum Kubernetes API version": found } = await problems(cluster, { pre: true });
    expect(found?.error).toStartWith(
      "Kubernetes is on version [1.24.3], but version [1.29.0] or more recent is required",
    );
    expect(found?.error).toContain("proxy.nativeSidecar=false");
  });

  test("what may not be created is named", async () => {
    const cluster = emptyCluster();
    const { intercept } = cluster;
    cluster.intercept = async (request, url) => {
      if (!url.pathname.endsWith("/selfsubjectaccessreviews")) return intercept(request, url);
      const review = (await request.json()) as { spec: { resourceAttributes: { resource: string } } };
      const { resource } = review.spec.resourceAttributes;
      return Response.json({ ...review, status: { allowed: resource !== "cronjobs" } });
    };
    const found = await problems(cluster, { pre: true });
    expect(Object.keys(found)).toEqual(["can create CronJobs"]);
    expect(found["can create CronJobs"]?.error).toBe("not authorized to create cronjobs.batch");
  });

  test("clocks that differ are a warning", async () => {
    const cluster = emptyCluster();
    cluster.put(resources.leases, {
      metadata: { name: "node", namespace: "kube-node-lease" },
      spec: { renewTime: new Date(Date.now() - 600_000).toISOString() },
    } as KubeObject);
    const { "no clock skew detected": found } = await problems(cluster, { pre: true });
    expect(found).toMatchObject({ outcome: "warning", error: "clock skew detected for node(s): node" });
  });

  test("a Gateway API without version v1 is too old", async () => {
    const cluster = emptyCluster();
    cluster.put(resources.customResourceDefinitions, {
      metadata: { name: "httproutes.gateway.networking.k8s.io" },
      spec: { versions: [{ name: "v1beta1" }] },
    } as KubeObject);
    const { "Gateway API CRDs are installed": found } = await problems(cluster, { pre: true });
    expect(found?.error).toContain("httproutes.gateway.networking.k8s.io CRD is missing the v1 version");
  });

  test("with the CNI plugin its objects must be there", async () => {
    const found = await problems(emptyCluster(), { pre: true }, { cniEnabled: true });
    expect(found["cni plugin ConfigMap exists"]?.error).toBe("missing ConfigMap: linkerd-cni-config");
  });
});

describe("the control plane", () => {
  test("a version of a resource type that is not served is named", async () => {
    const cluster = change<KubeObject & { spec: { versions: Array<{ name: string }> } }>(
      installedCluster(),
      resources.customResourceDefinitions,
      "servers.policy.linkerd.io",
      undefined,
      (crd) =>
        ({ ...crd, spec: { versions: crd.spec.versions.filter(({ name }) => name !== "v1beta3") } }) as KubeObject,
    );
    const { "control plane CustomResourceDefinitions exist": found } = await problems(cluster, { crds: true });
    expect(found?.error).toBe("CRD servers.policy.linkerd.io is missing version v1beta3");
  });

  test("a container that does not start is named with the kubelet's reason", async () => {
    const cluster = change<Pod>(
      installedCluster(),
      resources.pods,
      "linkerd-identity-5d9c-abcde",
      "linkerd",
      (pod) =>
        ({
          ...pod,
          status: {
            phase: "Pending",
            containerStatuses: [
              {
                name: "identity",
                ready: false,
                state: { waiting: { reason: "ImagePullBackOff", message: "no such image" } },
              },
            ],
          },
        }) as Pod,
    );
    const { "control plane pods are ready": found } = await problems(cluster);
    expect(found?.error).toBe(
      "pod/linkerd-identity-5d9c-abcde container identity is not ready (ImagePullBackOff: no such image)",
    );
  });

  test("a pod that no node takes is a warning", async () => {
    const cluster = change<Pod>(
      installedCluster(),
      resources.pods,
      "linkerd-identity-5d9c-abcde",
      "linkerd",
      (pod) => ({
        ...pod,
        status: {
          ...pod.status,
          conditions: [
            { type: "PodScheduled", status: "False", message: "0/1 nodes are available" },
            { type: "Ready", status: "True" },
          ],
        },
      }),
    );
    const { "no unschedulable pods": found } = await problems(cluster);
    expect(found).toMatchObject({ outcome: "warning", error: "linkerd-identity-5d9c-abcde: 0/1 nodes are available" });
  });

  test("networks that the mesh does not take for the cluster's are named with the way out", async () => {
    const cluster = installedCluster();
    cluster.put(resources.nodes, { metadata: { name: "far" }, spec: { podCIDR: "203.0.113.0/24" } } as KubeObject);
    cluster.put(resources.services, {
      metadata: { name: "odd", namespace: "default" },
      spec: { clusterIP: "198.51.100.7" },
    } as KubeObject);
    const found = await problems(cluster);
    expect(found["cluster networks contains all node podCIDRs"]?.error).toContain(
      "node has podCIDR(s) [203.0.113.0/24] which are not contained in the Linkerd clusterNetworks",
    );
    expect(found["cluster networks contains all services"]?.error).toContain(
      "do not include svc default/odd (198.51.100.7)",
    );
  });

  test("nodes that run Docker need an init container that runs as root", async () => {
    const cluster = installedCluster();
    cluster.put(resources.nodes, {
      metadata: { name: "old" },
      status: { nodeInfo: { containerRuntimeVersion: "docker://20.10.7" } },
    } as KubeObject);
    const found = (await problems(cluster))[
      "proxy-init container runs as root user if docker container runtime is used"
    ];
    expect(found?.error).toContain("--set proxyInit.runAsRoot=true");
  });

  test("one replica in high availability is a warning", async () => {
    const { "multiple replicas of control plane pods": found } = await problems(
      installedCluster({ layers: [{ highAvailability: true }] }),
    );
    expect(found).toMatchObject({
      outcome: "warning",
      error: "not enough replicas available for [linkerd-destination linkerd-identity linkerd-proxy-injector]",
    });
  });
});

describe("certificates", () => {
  test("those that end within 60 days are warnings, each in its check", async () => {
    const found = await problems(installedCluster(), {}, { wall: () => Date.now() + 310 * day });
    expect(found["trust anchors are valid for at least 60 days"]).toMatchObject({ outcome: "warning" });
    expect(found["trust anchors are valid for at least 60 days"]?.error).toStartWith("Anchors expiring soon:\n\t* ");
    expect(found["issuer cert is valid for at least 60 days"]?.error).toStartWith("issuer certificate will expire on ");
  });

  test("anchors that have expired end the run", async () => {
    const found = await problems(installedCluster(), {}, { wall: () => Date.now() + 400 * day });
    expect(found["trust anchors are within their validity period"]).toMatchObject({ outcome: "error" });
    expect(found["trust anchors are within their validity period"]?.error).toContain("not valid anymore. Expired on ");
    expect(found["control plane proxies are healthy"]).toBeUndefined();
  });

  test("an issuer of another anchor is an error", async () => {
    const other = generateTrust({ controlPlaneNamespace: "linkerd", trustDomain: "cluster.local", now: Date.now() });
    const cluster = change(installedCluster(), resources.configMaps, trustRoots, "linkerd", (object) => ({
      ...object,
      data: { "ca-bundle.crt": other.anchorPem },
    }));
    const found = await problems(cluster);
    expect(found["issuer cert is issued by the trust anchor"]?.outcome).toBe("error");
  });

  test("proxies that were started with other anchors and can't learn new ones are a warning", async () => {
    const cluster = installedCluster();
    const env = [{ name: "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS", value: "other" }];
    for (const [name, proxy] of [
      ["old", "edge-26.8.3"],
      ["new", version],
    ] as const) {
      putPod(cluster, name, "app", proxy);
      change<Pod>(cluster, resources.pods, name, "app", (pod) => ({
        ...pod,
        spec: { containers: [{ name: "linkerd-proxy", env }] },
      }));
    }
    const { "data plane proxies certificate match CA": found } = await problems(cluster, { proxy: true });
    expect(found?.error).toBe("Some pods do not have the current trust bundle and must be restarted:\n\t* app/old");
  });
});

describe("the data plane", () => {
  test("no proxy at all, and one that is not ready", async () => {
    const none = await problems(installedCluster(), { proxy: true }, { dataPlaneNamespace: "kube-system" });
    expect(none["data plane proxies are ready"]?.error).toBe(
      'no "linkerd-proxy" containers found in the "kube-system" namespace',
    );
    const cluster = installedCluster();
    putPod(cluster, "web", "app", version);
    change<Pod>(cluster, resources.pods, "web", "app", (pod) => ({
      ...pod,
      status: { ...pod.status, containerStatuses: [{ name: "linkerd-proxy", ready: false }] },
    }));
    const { "data plane proxies are ready": found } = await problems(cluster, { proxy: true });
    expect(found?.error).toBe('container "linkerd-proxy" in pod "web" is not ready');
  });

  test("keys of Services at the wrong place are warnings", async () => {
    const cluster = installedCluster();
    putPod(cluster, "web", "app", version);
    cluster.put(resources.services, {
      metadata: {
        name: "web",
        namespace: "app",
        labels: { "config.linkerd.io/opaque-ports": "80" },
        annotations: { "mirror.linkerd.io/exported": "true" },
      },
      spec: {},
    } as KubeObject);
    const found = await problems(cluster, { proxy: true });
    expect(found["data plane service labels are configured correctly"]?.error).toBe(
      "Some labels on data plane services should be annotations:\n\t* app/web\n\t\tconfig.linkerd.io/opaque-ports",
    );
    expect(found["data plane service annotations are configured correctly"]?.error).toBe(
      "Some annotations on data plane services should be labels:\n\t* app/web\n\t\tmirror.linkerd.io/exported",
    );
  });
});

describe("the viz extension", () => {
  test("pods without a proxy are named once; parts that are not installed are not asked for", async () => {
    const cluster = installedCluster();
    const labels = { "linkerd.io/extension": "viz", component: "metrics-api" };
    cluster.put(resources.namespaces, { metadata: { name: "linkerd-viz", labels } });
    cluster.put(resources.clusterRoles, { metadata: { name: "linkerd-linkerd-viz-metrics-api" } });
    cluster.put(resources.clusterRoleBindings, { metadata: { name: "linkerd-linkerd-viz-metrics-api" } });
    putPod(cluster, "metrics-api-1", "linkerd-viz", version, labels);
    change<Pod>(cluster, resources.pods, "metrics-api-1", "linkerd-viz", (pod) => ({
      ...pod,
      spec: { containers: [{ name: "metrics-api" }] },
    }));
    const found = await problems(cluster, { categories: [linkerdViz] });
    expect(Object.keys(found)).toEqual(["linkerd-viz pods are injected", "viz extension self-check"]);
    expect(found["linkerd-viz pods are injected"]?.error).toEndWith("\n\t* metrics-api-1");
  });
});

describe("opaque ports", () => {
  const pod = (annotation?: string): Pod => ({
    metadata: {
      name: "db-0",
      namespace: "app",
      labels: { app: "db" },
      ...(annotation === undefined ? {} : { annotations: { "config.linkerd.io/opaque-ports": annotation } }),
    },
    spec: { containers: [{ name: "db", ports: [{ name: "db", containerPort: 5000 }] }] },
  });
  const service = (port: number, targetPort: number | string, annotation?: string): Service => ({
    metadata: {
      name: "db",
      namespace: "app",
      ...(annotation === undefined ? {} : { annotations: { "config.linkerd.io/opaque-ports": annotation } }),
    },
    spec: { clusterIP: "10.96.0.9", selector: { app: "db" }, ports: [{ port, targetPort }] },
  });

  test("a Service and its pods that agree are fine", () => {
    expect(disagreements(service(80, "db", "80"), pod("db"))).toEqual([]);
    expect(disagreements(service(80, 5000, "70-90"), pod("5000"))).toEqual([]);
    expect(disagreements(service(3306, 3306), pod())).toEqual([]);
  });

  test("each side is told what the other one says", () => {
    expect(disagreements(service(80, 5000, "80"), pod())).toEqual([
      "service db expects target port 5000 to be opaque; add it to pod db-0 config.linkerd.io/opaque-ports annotation",
    ]);
    expect(disagreements(service(80, "db"), pod("5000"))).toEqual([
      "service db targets the opaque port 5000 through 80; add 80 to its config.linkerd.io/opaque-ports annotation",
    ]);
    expect(disagreements(service(5000, 5000), pod("5000"))).toEqual([
      "service db targets the opaque port 5000; add it to its config.linkerd.io/opaque-ports annotation",
    ]);
  });
});
