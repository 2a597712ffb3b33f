import { expect, test } from "bun:test";
import { resources } from "../resource-ref.ts";
import { testCredentials } from "../testing/credentials.ts";
import type { TestCredentials } from "../testing/credentials.ts";
import { createFixture, podObject } from "../testing/fixture.ts";
import type { Fixture } from "../testing/fixture.ts";

interface Review {
  readonly request: {
    readonly uid: string;
    readonly operation: string;
    readonly namespace: string;
    readonly object: { readonly metadata: { readonly labels?: Record<string, string> } };
    readonly oldObject: unknown;
    readonly userInfo: { readonly username: string };
  };
}

type Answer = (review: Review) => Record<string, unknown>;

/** A webhook server on loopback; `seen` collects what it was asked. */
function startWebhook(credentials: TestCredentials, answer: Answer) {
  const seen: Review[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: credentials.certPem, key: credentials.keyPem },
    async fetch(request) {
      const review = (await request.json()) as Review;
      seen.push(review);
      return Response.json({
        apiVersion: "admission.k8s.io/v1",
        kind: "AdmissionReview",
        response: { uid: review.request.uid, ...answer(review) },
      });
    },
  });
  return { seen, port: server.port ?? 0, stop: () => void server.stop(true) };
}

const patch = (operations: unknown): Record<string, unknown> => ({
  allowed: true,
  patchType: "JSONPatch",
  patch: Buffer.from(JSON.stringify(operations)).toString("base64"),
});

const serverName = "injector.mesh.svc";

async function configure(
  kind: "Mutating" | "Validating",
  { api }: Fixture,
  credentials: TestCredentials,
  extra: Record<string, unknown> = {},
  name = "hook",
): Promise<void> {
  const webhook = {
    name: `${name}.example.com`,
    clientConfig: {
      service: { namespace: "mesh", name: "injector", path: "/mutate" },
      caBundle: Buffer.from(credentials.caPem).toString("base64"),
    },
    rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] }],
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
    ...extra,
  };
  const ref = kind === "Mutating" ? resources.mutatingWebhookConfigurations : resources.validatingWebhookConfigurations;
  await api.client.create(ref, {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: `${kind}WebhookConfiguration`,
    metadata: { name },
    webhooks: [webhook],
  });
}

async function message(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "accepted";
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

test("a mutating webhook behind a Service changes the object, which is completed again", async () => {
  const credentials = testCredentials([serverName]);
  const hook = startWebhook(credentials, () =>
    patch([
      {
        op: "add",
        path: "/spec/initContainers",
        value: [{ name: "proxy", image: "proxy:1", restartPolicy: "Always" }],
      },
      { op: "add", path: "/metadata/annotations", value: { injected: "yes" } },
      { op: "replace", path: "/metadata/name", value: "renamed" },
    ]),
  );
  const fixture = await createFixture({
    dialService: (namespace, name) =>
      namespace === "mesh" && name === "injector" ? { ip: "127.0.0.1", port: hook.port } : null,
  });
  await configure("Mutating", fixture, credentials);
  const pod = await fixture.api.client.create(resources.pods, podObject("web"));
  expect(pod.metadata).toMatchObject({ name: "web", annotations: { injected: "yes" } });
  expect(pod["spec"]).toMatchObject({
    initContainers: [
      { name: "proxy", imagePullPolicy: "IfNotPresent", terminationMessagePath: "/dev/termination-log" },
    ],
  });
  expect(hook.seen[0]?.request).toMatchObject({ operation: "CREATE", namespace: "default", oldObject: null });
  hook.stop();
});

test("selectors of namespaces and objects decide whether a webhook is asked", async () => {
  const credentials = testCredentials([serverName]);
  const hook = startWebhook(credentials, () => ({ allowed: true }));
  const fixture = await createFixture({ dialService: () => ({ ip: "127.0.0.1", port: hook.port }) });
  await configure("Mutating", fixture, credentials, {
    namespaceSelector: { matchExpressions: [{ key: "skip", operator: "DoesNotExist" }] },
    objectSelector: { matchLabels: { app: "asked" } },
  });
  await fixture.api.client.create(resources.pods, podObject("asked"));
  await fixture.api.client.create(resources.pods, podObject("other"));
  await fixture.api.client.patch(resources.namespaces, "", "default", { metadata: { labels: { skip: "1" } } });
  await fixture.api.client.create(resources.pods, {
    ...podObject("asked2"),
    metadata: { name: "asked2", namespace: "default", labels: { app: "asked" } },
  });
  expect(hook.seen).toHaveLength(1);
  hook.stop();
});

test("a validating webhook's refusal is told in its words and nothing is stored", async () => {
  const credentials = testCredentials(["localhost", "127.0.0.1"]);
  const hook = startWebhook(credentials, () => ({ allowed: false, status: { message: "no such thing", code: 400 } }));
  const fixture = await createFixture();
  await configure("Validating", fixture, credentials, {
    clientConfig: {
      url: `https://127.0.0.1:${hook.port}/`,
      caBundle: Buffer.from(credentials.caPem).toString("base64"),
    },
  });
  expect(await message(fixture.api.client.create(resources.pods, podObject("web")))).toBe(
    'admission webhook "hook.example.com" denied the request: no such thing',
  );
  expect(fixture.api.client.get(resources.pods, "default", "web")).toBeNull();
  hook.stop();
});

test("a webhook that can't be reached fails the request or is passed over, as its policy says", async () => {
  const credentials = testCredentials([serverName]);
  const fixture = await createFixture();
  await configure("Mutating", fixture, credentials, { failurePolicy: "Ignore" }, "ignored");
  expect((await fixture.api.client.create(resources.pods, podObject("a"))).metadata.name).toBe("a");
  expect(fixture.lines.some((line) => line.includes("A webhook was passed over"))).toBeTrue();
  await configure("Mutating", fixture, credentials, { failurePolicy: "Fail" }, "strict");
  expect(await message(fixture.api.client.create(resources.pods, podObject("b")))).toBe(
    'Internal error occurred: failed calling webhook "strict.example.com": no endpoints available for service "injector"',
  );
});

test("a webhook whose certificate is of another authority or for another name is not believed", async () => {
  const right = testCredentials([serverName]);
  const hook = startWebhook(testCredentials([serverName]), () => ({ allowed: true }));
  const misnamed = testCredentials(["other.mesh.svc"]);
  const second = startWebhook(misnamed, () => ({ allowed: true }));
  let port = hook.port;
  const fixture = await createFixture({ dialService: () => ({ ip: "127.0.0.1", port }) });
  await configure("Mutating", fixture, right, {}, "authority");
  expect(await message(fixture.api.client.create(resources.pods, podObject("a")))).toContain(
    'failed calling webhook "authority.example.com"',
  );
  await fixture.api.client.delete(resources.mutatingWebhookConfigurations, "", "authority");
  port = second.port;
  await configure("Mutating", fixture, misnamed, {}, "name");
  expect(await message(fixture.api.client.create(resources.pods, podObject("a")))).toContain(
    'failed calling webhook "name.example.com"',
  );
  expect([...hook.seen, ...second.seen]).toEqual([]);
  hook.stop();
  second.stop();
});

test("the endpoint of a webhook's Service comes from its slices", async () => {
  const credentials = testCredentials([serverName]);
  const hook = startWebhook(credentials, () => ({ allowed: true }));
  const fixture = await createFixture();
  const { client } = fixture.api;
  await client.create(resources.namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: "mesh" } });
  await client.create(resources.services, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "injector", namespace: "mesh" },
    spec: { ports: [{ name: "https", port: 443, targetPort: "hook" }] },
  });
  await client.create(resources.endpointSlices, {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "injector-1", namespace: "mesh", labels: { "kubernetes.io/service-name": "injector" } },
    addressType: "IPv4",
    ports: [{ name: "https", port: hook.port }],
    endpoints: [
      { addresses: ["127.0.0.9"], conditions: { ready: false } },
      { addresses: ["127.0.0.1"], conditions: { ready: true } },
    ],
  });
  await configure("Mutating", fixture, credentials);
  await client.create(resources.pods, podObject("web"));
  expect(hook.seen).toHaveLength(1);
  hook.stop();
});
