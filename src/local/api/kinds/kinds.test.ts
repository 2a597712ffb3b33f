import { expect, test } from "bun:test";
import type { NewObject } from "../../store/object.ts";
import type { ResourceRef } from "../resource-ref.ts";
import { resources } from "../resource-ref.ts";
import { createFixture, podObject } from "../testing/fixture.ts";

type Rec = Record<string, unknown>;

async function refusal(ref: ResourceRef, object: NewObject): Promise<string> {
  const { api } = await createFixture();
  try {
    await api.client.create(ref, object);
    return "accepted";
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

const metadata = { name: "x", namespace: "default" };
const template = { metadata: { labels: { app: "x" } }, spec: { containers: [{ name: "c", image: "i:1" }] } };
const workload = (kind: string, spec: Rec): NewObject => ({ apiVersion: "apps/v1", kind, metadata, spec });

const bad: ReadonlyArray<readonly [what: string, ref: ResourceRef, object: NewObject, message: string]> = [
  ["a pod without containers", resources.pods, { ...podObject("x"), spec: {} }, "spec.containers: Required value"],
  [
    "a container without an image",
    resources.pods,
    podObject("x", { containers: [{ name: "a" }] }),
    "spec.containers[0].image: Required value",
  ],
  [
    "two containers of one name",
    resources.pods,
    podObject("x", {
      containers: [
        { name: "a", image: "i" },
        { name: "a", image: "i" },
      ],
    }),
    'spec.containers[1].name: Duplicate value: "a"',
  ],
  [
    "a mount without its volume",
    resources.pods,
    podObject("x", { containers: [{ name: "a", image: "i", volumeMounts: [{ name: "v", mountPath: "/v" }] }] }),
    'spec.containers[0].volumeMounts[0].name: Not found: "v"',
  ],
  [
    "a claimed volume",
    resources.pods,
    podObject("x", { volumes: [{ name: "v", persistentVolumeClaim: { claimName: "c" } }] }),
    "this local cluster has no storage",
  ],
  ["a capital in a name", resources.pods, podObject("Web"), "a lowercase RFC 1123 subdomain must consist of"],
  [
    "an unknown restart policy",
    resources.pods,
    podObject("x", { restartPolicy: "Sometimes" }),
    'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
  ],
  [
    "an account that isn't there",
    resources.pods,
    podObject("x", { serviceAccountName: "ghost" }),
    'serviceaccount "ghost" not found',
  ],
  [
    "a selector that misses its template",
    resources.deployments,
    workload("Deployment", { selector: { matchLabels: { app: "y" } }, template }),
    "`selector` does not match template `labels`",
  ],
  [
    "a workload of pods that end",
    resources.daemonSets,
    workload("DaemonSet", {
      selector: { matchLabels: { app: "x" } },
      template: { ...template, spec: { ...template.spec, restartPolicy: "Never" } },
    }),
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
  ],
  [
    "a Service without ports",
    resources.services,
    { apiVersion: "v1", kind: "Service", metadata, spec: {} },
    "spec.ports: Required value",
  ],
  [
    "two ports without names",
    resources.services,
    { apiVersion: "v1", kind: "Service", metadata, spec: { ports: [{ port: 1 }, { port: 2 }] } },
    "spec.ports[0].name: Required value",
  ],
  [
    "an address outside the network",
    resources.services,
    { apiVersion: "v1", kind: "Service", metadata, spec: { clusterIP: "1.2.3.4", ports: [{ port: 1 }] } },
    "the provided IP is not in the valid range",
  ],
  [
    "a Secret that isn't base64",
    resources.secrets,
    { apiVersion: "v1", kind: "Secret", metadata, data: { a: "%" } },
    "data[a]: Invalid value",
  ],
  [
    "a TLS Secret without its key",
    resources.secrets,
    { apiVersion: "v1", kind: "Secret", type: "kubernetes.io/tls", metadata, data: { "tls.crt": "" } },
    "data[tls.key]: Required value",
  ],
  [
    "text for a number",
    resources.deployments,
    workload("Deployment", { replicas: "3", selector: { matchLabels: { app: "x" } }, template }),
    "cannot unmarshal string into field spec.replicas of type int32",
  ],
];

for (const [what, ref, object, message] of bad) {
  test(`${what} is refused`, async () => {
    expect(await refusal(ref, object)).toContain(message);
  });
}

test("a pod gets its account's token unless it opts out", async () => {
  const { api } = await createFixture();
  const mounted = (await api.client.create(resources.pods, podObject("a")))["spec"] as {
    volumes?: unknown[];
    serviceAccountName: string;
  };
  expect(mounted.serviceAccountName).toBe("default");
  expect(JSON.stringify(mounted)).toContain("/var/run/secrets/kubernetes.io/serviceaccount");
  const bare = await api.client.create(resources.pods, podObject("b", { automountServiceAccountToken: false }));
  expect(JSON.stringify(bare["spec"])).not.toContain("serviceAccountToken");
});

test("a pod's spec is fixed but for its images", async () => {
  const { api } = await createFixture();
  await api.client.create(resources.pods, podObject("a"));
  const images = { spec: { containers: [{ name: "main", image: "app:2" }] } };
  await api.client.patch(resources.pods, "default", "a", images, { type: "strategic" });
  const env = { spec: { containers: [{ name: "main", env: [{ name: "A", value: "1" }] }] } };
  await expect(api.client.patch(resources.pods, "default", "a", env, { type: "strategic" })).rejects.toThrow(
    "pod updates may not change fields",
  );
});

test("Services get addresses of their own, keep them, and headless ones get none", async () => {
  const { api } = await createFixture();
  const service = (name: string, spec: Rec = {}): NewObject => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "default" },
    spec: { ports: [{ port: 80 }], ...spec },
  });
  const made = async (name: string, spec: Rec = {}): Promise<Rec> =>
    (await api.client.create(resources.services, service(name, spec)))["spec"] as Rec;
  const [a, b] = [await made("a"), await made("b")];
  expect(a["clusterIP"]).toMatch(/^10\.96\./);
  expect(b["clusterIP"]).not.toBe(a["clusterIP"]);
  expect((await made("none", { clusterIP: "None" }))["clusterIP"]).toBe("None");
  expect((await made("dns", { clusterIP: "10.96.0.10" }))["clusterIPs"]).toEqual(["10.96.0.10"]);
  await expect(api.client.create(resources.services, service("dns2", { clusterIP: "10.96.0.10" }))).rejects.toThrow(
    "provided IP is already allocated",
  );
  const replaced = await api.client.update(resources.services, {
    ...service("a", { ports: [{ port: 81 }] }),
    metadata: { name: "a", namespace: "default" },
  } as never);
  expect((replaced["spec"] as Rec)["clusterIP"]).toBe(a["clusterIP"]);
});

test("a Secret's plain strings are stored encoded", async () => {
  const { api } = await createFixture();
  const secret = await api.client.create(resources.secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata,
    stringData: { a: "b" },
  });
  expect(secret["data"]).toEqual({ a: "Yg==" });
  expect(secret["stringData"]).toBeUndefined();
});

test("a namespace that is deleted takes nothing new and goes when it is finalized", async () => {
  const { api } = await createFixture();
  await api.client.create(resources.namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: "n" } });
  await api.client.delete(resources.namespaces, "", "n");
  expect(api.client.get(resources.namespaces, "", "n")?.["status"]).toEqual({ phase: "Terminating" });
  const late = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "late", namespace: "n" } };
  await expect(api.client.create(resources.configMaps, late)).rejects.toThrow("because it is being terminated");
  await api.client.finalizeNamespace("n");
  expect(api.client.get(resources.namespaces, "", "n")).toBeNull();
});
