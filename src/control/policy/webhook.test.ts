import { afterEach, expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { seededRandom } from "#lib/random.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { KubeClient } from "#kube/client.ts";
import { tlsFilesIn } from "#kube/key-pair-files.ts";
import { resources } from "#kube/resource.ts";
import { FakeApi } from "#kube/testing/fake-api.ts";
import { requestFor } from "../admission/testing.ts";
import { measure, reviewOf, spoil, WebhookWorld } from "../testing/webhook-world.ts";
import { servePolicyWebhook } from "./webhook.ts";

const ends: Array<() => unknown> = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

function running() {
  const world = new WebhookWorld("linkerd-policy-validator");
  ends.push(() => world.remove());
  const api = new FakeApi();
  ends.push(() => api.stop());
  const stop = new AbortController();
  const { port, stop: close } = servePolicyWebhook(
    {
      listen: { ip: "127.0.0.1", port: 0 },
      certificate: { kind: "files", files: tlsFilesIn(world.directory) },
    },
    {
      client: new KubeClient(api.access),
      clock: new FakeClock(),
      random: seededRandom(1),
      log: memoryLog().log,
      registry: new Registry(),
      signal: stop.signal,
    },
  );
  ends.push(() => {
    stop.abort();
    return close();
  });
  return { world, api, port };
}

const server = (name: string, app: string, port = 80) => ({
  apiVersion: "policy.linkerd.io/v1beta3",
  kind: "Server",
  metadata: { name, namespace: "web" },
  spec: { podSelector: { matchLabels: { app } }, port },
});

test("a second Server for the same port of the same pods is refused, an update of the first is not", async () => {
  const { world, api, port } = running();
  api.put(resources.servers, server("first", "web"));
  expect(await world.review(port, requestFor(server("first", "web")))).toMatchObject({ allowed: true });
  expect(await world.review(port, requestFor(server("second", "web", 81)))).toMatchObject({ allowed: true });
  expect(await world.review(port, requestFor(server("second", "web")))).toMatchObject({
    allowed: false,
    status: {
      message:
        'Server "second" is not valid: spec: Server "first" already has the same port of pods that this one selects',
    },
  });
});

test("where the API server can't be asked, failurePolicy decides, and only for Servers", async () => {
  const { world, api, port } = running();
  await api.stop();
  expect((await world.post(port, reviewOf(requestFor(server("a", "web"))))).status).toBe(500);
  const egress = { apiVersion: "policy.linkerd.io/v1alpha1", kind: "EgressNetwork", spec: { trafficPolicy: "Allow" } };
  expect(await world.review(port, requestFor(egress))).toMatchObject({ allowed: true });
});

test("a Service is never refused, and what its annotations say in vain is told", async () => {
  const { world, port } = running();
  const request = requestFor({
    apiVersion: "v1",
    kind: "Service",
    metadata: { annotations: { "retry.linkerd.io/limit": "often" } },
    spec: "broken",
  });
  expect(await world.review(port, request)).toMatchObject({
    allowed: true,
    warnings: [
      'metadata.annotations["retry.linkerd.io/limit"]: "often" is not a whole number up to 65535; it has no effect',
    ],
  });
});

test("an object on its way out is let go, whatever it says", async () => {
  const { world, port } = running();
  const gone = { ...server("a", "web"), metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" }, spec: {} };
  expect(await world.review(port, requestFor(gone))).toMatchObject({ allowed: true });
});

test("reviews with odd values are answered, whatever they hold", async () => {
  const { world, port } = running();
  const random = seededRandom(3);
  const route = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { annotations: { "retry.linkerd.io/http": "5xx" } },
    spec: {
      parentRefs: [{ group: "", kind: "Service", name: "web", port: 80 }],
      rules: [
        {
          matches: [{ path: { type: "RegularExpression", value: "/a.*" }, headers: [{ name: "a", value: "b" }] }],
          filters: [{ type: "RequestHeaderModifier", requestHeaderModifier: { set: [{ name: "a", value: "b" }] } }],
          backendRefs: [{ name: "web", port: 80 }],
          timeouts: { request: "1s" },
        },
      ],
    },
  };
  const policy = {
    apiVersion: "policy.linkerd.io/v1alpha1",
    kind: "AuthorizationPolicy",
    spec: { targetRef: { kind: "Namespace", name: "web" }, requiredAuthenticationRefs: [{ kind: "ServiceAccount" }] },
  };
  for (const object of [route, policy, server("a", "web")]) {
    const whole = JSON.parse(reviewOf(requestFor(object))) as unknown;
    for (let index = 0; index < 150; index++) {
      const body = JSON.stringify(spoil(whole, () => random.next()));
      const { status } = await world.post(port, body);
      if (status !== 200 && status !== 400) throw new Error(`status ${status} for ${body}`);
    }
  }
});

test("an answer takes little of the 100 ms that it may", async () => {
  const { world, api, port } = running();
  for (let index = 0; index < 100; index++) api.put(resources.servers, server(`s${index}`, `app${index}`));
  const { p99, cpu } = await measure(200, () => world.review(port, requestFor(server("own", "own"))));
  console.log(
    `Server among 100 others, each over a connection of its own: p99 ${p99.toFixed(1)} ms, CPU ${cpu.toFixed(1)} ms`,
  );
  // Client and server together, far below the 100 ms that an answer may take.
  expect(cpu).toBeLessThan(20);
});
