import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Drain } from "#lib/drain.ts";
import { memoryLog } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { resources } from "#kube/resource.ts";
import { FakeApi } from "#kube/testing/fake-api.ts";
import { generateWebhookTls } from "#manifests/trust.ts";
import { publicValues, resolveValues } from "#manifests/values.ts";
import { yamlOf } from "#manifests/yaml.ts";
import { measure, spoil } from "../testing/webhook-world.ts";
import { start } from "./app.ts";

const ends: Array<() => unknown> = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function world() {
  const directory = mkdtempSync(join(tmpdir(), "injector-"));
  ends.push(() => rmSync(directory, { recursive: true }));
  const api = new FakeApi();
  ends.push(() => api.stop());
  api.put(resources.namespaces, { metadata: { name: "emojivoto", annotations: { "linkerd.io/inject": "enabled" } } });
  const tls = generateWebhookTls("linkerd-proxy-injector", "linkerd", Date.now());
  const files: Record<string, string> = {
    values: yamlOf(publicValues(resolveValues({ linkerdVersion: "v1" }))),
    anchors: "anchors",
    "tls.crt": tls.certPem,
    "tls.key": tls.keyPem,
    kubeconfig: JSON.stringify({
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      clusters: [{ name: "c", cluster: { server: api.url } }],
      users: [{ name: "u", user: {} }],
    }),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  const program = await start({
    args: [
      "--addr=127.0.0.1:0",
      "--metrics-addr=127.0.0.1:0",
      `--tls-directory=${directory}`,
      `--values-file=${directory}/values`,
      `--trust-anchors-file=${directory}/anchors`,
      `--kubeconfig=${directory}/kubeconfig`,
    ],
    env: {},
    clock: new FakeClock(),
    random: seededRandom(1),
    log: memoryLog().log,
    registry: new Registry(),
    drain: new Drain(),
  });
  ends.push(() => program.stop());
  const post = (body: string): Promise<Response> =>
    fetch(`https://127.0.0.1:${program.port}/`, {
      method: "POST",
      body,
      tls: { ca: tls.caPem, serverName: "linkerd-proxy-injector.linkerd.svc" },
      headers: { host: "linkerd-proxy-injector.linkerd.svc" },
    });
  const review = (object: object): string =>
    JSON.stringify({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      request: {
        uid: "1",
        kind: { group: "", version: "v1", kind: "Pod" },
        resource: { group: "", version: "v1", resource: "pods" },
        namespace: "emojivoto",
        operation: "CREATE",
        object,
      },
    });
  return { program, post, review };
}

interface Answer {
  response: { uid: string; allowed: boolean; patch?: string; status?: { message: string } };
}

test("the API server's question over TLS is answered with a patch", async () => {
  const { post, review, program } = await world();
  const answer = (await (
    await post(review({ metadata: { name: "web" }, spec: { containers: [{ name: "web" }] } }))
  ).json()) as Answer;
  expect(answer.response).toMatchObject({ uid: "1", allowed: true });
  const patch = JSON.parse(Buffer.from(answer.response.patch ?? "", "base64").toString()) as Array<{ path: string }>;
  expect(patch.map(({ path }) => path)).toContain("/spec/initContainers/1");
  const ready = await fetch(`http://127.0.0.1:${program.adminPort}/ready`);
  expect([200, 503]).toContain(ready.status);
  const metrics = await (await fetch(`http://127.0.0.1:${program.adminPort}/metrics`)).text();
  expect(metrics).toContain(
    'proxy_inject_admission_requests_total{annotation_at="namespace",namespace="emojivoto",owner_kind=""} 1',
  );
});

test("a mistake in a pod is refused with what to write, and garbage is no decision", async () => {
  const { post, review } = await world();
  const bad = {
    metadata: { name: "web", annotations: { "config.linkerd.io/proxy-await": "yes" } },
    spec: { containers: [] },
  };
  const answer = (await (await post(review(bad))).json()) as Answer;
  expect(answer.response.allowed).toBe(false);
  expect(answer.response.status?.message).toBe(
    'Annotation "config.linkerd.io/proxy-await" of pod/web is "yes"; allowed is "enabled" or "disabled"',
  );
  expect((await post("{")).status).toBe(400);
});

test("reviews with odd values are answered, whatever they hold", async () => {
  const { post, review } = await world();
  const random = seededRandom(11);
  const whole = JSON.parse(
    review({
      metadata: {
        generateName: "web-",
        annotations: { "config.linkerd.io/opaque-ports": "25", "config.linkerd.io/proxy-cpu-request": "1" },
        labels: { app: "web" },
        ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-1", uid: "u", controller: true }],
      },
      spec: {
        serviceAccountName: "web",
        initContainers: [{ name: "first", image: "x" }],
        containers: [
          {
            name: "web",
            ports: [{ containerPort: 80, name: "http", protocol: "TCP" }],
            volumeMounts: [{ name: "token", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" }],
            livenessProbe: { httpGet: { path: "/", port: 80 } },
          },
        ],
        volumes: [{ name: "token", emptyDir: {} }],
      },
    }),
  ) as unknown;
  const failures: string[] = [];
  for (let index = 0; index < 400; index++) {
    const body = JSON.stringify(spoil(whole, () => random.next()));
    const response = await post(body);
    if (response.status !== 200 && response.status !== 400) failures.push(`${await response.text()} for ${body}`);
  }
  expect(failures).toEqual([]);
});

test("an answer takes little of the 100 ms that it may", async () => {
  const { post, review } = await world();
  const containers = Array.from({ length: 20 }, (_, index) => ({
    name: `c${index}`,
    ports: [{ containerPort: 8000 + index }],
  }));
  const { p99, cpu } = await measure(200, async () =>
    (await post(review({ metadata: { generateName: "web-" }, spec: { containers } }))).json(),
  );
  console.log(
    `Pod of 20 containers, each over a connection of its own: p99 ${p99.toFixed(1)} ms, CPU ${cpu.toFixed(1)} ms`,
  );
  // Client and server together, far below the 100 ms that an answer may take.
  expect(cpu).toBeLessThan(20);
});
