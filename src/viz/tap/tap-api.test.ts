/** The whole program over TLS, with a Kubernetes API server and proxies that are made up. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "#lib/clock.ts";
import { memoryLog } from "#lib/log.ts";
import { seededRandom } from "#lib/random.ts";
import { certificatePem } from "#lib/x509/certificate.ts";
import { createLeaf, createRoot, validFor } from "#lib/x509/sign.ts";
import { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import { FakeApi } from "#kube/testing/fake-api.ts";
import { generateWebhookTls } from "#manifests/trust.ts";
import { TapEventSchema } from "#rpc/gen/tap_pb.ts";
import { create } from "#rpc/protobuf/create.ts";
import { tapPath } from "../client/tap-request.ts";
import { startTapApi } from "./app.ts";
import type { OpenObserve } from "./tap-session.ts";

const ends: Array<() => unknown> = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const validity = validFor(Date.now(), 3_600_000, 60_000);
const frontRoot = createRoot("front", validity);
const client = (name: string, root = frontRoot) => {
  const leaf = createLeaf(root, [name], validity);
  return { cert: certificatePem(leaf.certificate), key: leaf.key.privateKeyPem };
};
const frontProxy = client("front-proxy-client");
const path = tapPath({ kind: "deployment", namespace: "app", name: "web" });

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function world() {
  const directory = mkdtempSync(join(tmpdir(), "tap-"));
  ends.push(() => rmSync(directory, { recursive: true }));
  const tls = generateWebhookTls("tap", "linkerd-viz", Date.now());
  writeFileSync(join(directory, "tls.crt"), tls.certPem);
  writeFileSync(join(directory, "tls.key"), tls.keyPem);
  const api = new FakeApi();
  ends.push(() => api.stop());
  api.put(resources.configMaps, {
    metadata: { name: "extension-apiserver-authentication", namespace: "kube-system" },
    data: {
      "requestheader-client-ca-file": certificatePem(frontRoot.certificate),
      "requestheader-allowed-names": '["front-proxy-client"]',
    },
  } as never);
  api.put(resources.pods, {
    metadata: { name: "web-1", namespace: "app", labels: { "linkerd.io/proxy-deployment": "web" } },
    spec: { containers: [{ name: "linkerd-proxy", env: [{ name: "LINKERD2_PROXY_TAP_SVC_NAME", value: "x" }] }] },
    status: { phase: "Running", podIP: "10.0.0.1" },
  } as never);
  const reviews: unknown[] = [];
  api.intercept = async (request, url) => {
    if (!url.pathname.endsWith("/subjectaccessreviews")) return null;
    const { spec } = (await request.json()) as { spec: { user: string } };
    reviews.push(spec);
    return Response.json({ status: { allowed: spec.user === "ann" } });
  };
  const observed: string[] = [];
  const open: OpenObserve = (pod, _request, handler) => {
    observed.push(pod.target);
    handler.onOpen();
    const value = { event: { case: "requestInit", value: { id: { base: 0, stream: 3n }, path: "/\u001b[31m" } } };
    handler.onMessage(create(TapEventSchema, { event: { case: "http", value } } as never));
    return () => observed.push(`no more ${pod.target}`);
  };
  const { log, lines } = memoryLog();
  const config = {
    port: 0,
    adminPort: 0,
    tlsDirectory: directory,
    ignoredHeaders: [],
    kubeconfig: "",
    logLevel: "info",
    logFormat: "plain" as const,
  };
  const running = startTapApi({
    config,
    client: new KubeClient(api.access),
    clock: systemClock,
    random: seededRandom(1),
    log,
    open,
  });
  ends.push(() => running.stop());
  while (!(await fetch(`http://127.0.0.1:${running.adminPort}/ready`)).ok) await Bun.sleep(2);

  /** `until`: closes the connection once this has come. */
  const ask = (
    options: {
      readonly as?: { readonly cert: string; readonly key: string } | null;
      readonly user?: string;
      readonly headers?: Record<string, string | string[]>;
      readonly path?: string;
      readonly body?: string;
      readonly method?: string;
      readonly until?: string;
    } = {},
  ): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { as = frontProxy, user = "ann", until, body = "{}" } = options;
      const request = https.request(
        {
          host: "127.0.0.1",
          port: running.port,
          servername: "tap.linkerd-viz.svc",
          ca: tls.caPem,
          agent: false,
          ...as,
          method: options.method ?? "POST",
          path: options.path ?? path,
          headers: {
            host: "tap.linkerd-viz.svc",
            "x-remote-user": user,
            "content-length": body.length,
            ...options.headers,
          },
        },
        (answer) => {
          let text = "";
          answer.on("data", (chunk: Buffer) => {
            text += chunk.toString();
            if (until === undefined || !text.includes(until)) return;
            request.destroy();
            resolve({ status: answer.statusCode ?? 0, text });
          });
          answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
        },
      );
      request.on("error", reject);
      request.end(body);
    });
  return { ask, reviews, observed, lines, running };
}

describe("The tap API", () => {
  test("streams the requests of a resource's pods to whom the API server says may see them, until they leave", async () => {
    const { ask, reviews, observed, running } = await world();
    const { status, text } = await ask({
      headers: { "x-remote-group": ["a,b", "c"], "x-remote-extra-scopes%2fx": "y" },
      until: '"requestInitEvent"',
    });
    expect(status).toBe(200);
    const lines = text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as object]));
    expect(lines[0]).toEqual({ tapping: { proxies: 1, pods: 1 } });
    expect(JSON.stringify(lines)).toContain('"path":"/\\u001b[31m"');
    expect(reviews).toEqual([
      {
        user: "ann",
        groups: ["a,b", "c"],
        extra: { "scopes/x": ["y"] },
        resourceAttributes: {
          namespace: "app",
          verb: "watch",
          group: "tap.linkerd.io",
          version: "v1alpha1",
          resource: "deployments",
          subresource: "tap",
          name: "web",
        },
      },
    ]);
    while (observed.length < 2) await Bun.sleep(1);
    expect(observed).toEqual(["app/web-1", "no more app/web-1"]);
    const metrics = await (await fetch(`http://127.0.0.1:${running.adminPort}/metrics`)).text();
    expect(metrics).toContain("tap_api_sessions 0\n");
  });

  test("refuses whom the API server refuses, with 403 and a line in the log, before it looks at pods", async () => {
    const { ask, observed, lines } = await world();
    const { status, text } = await ask({ user: "joe" });
    expect(status).toBe(403);
    expect(JSON.parse(text)).toMatchObject({
      kind: "Status",
      reason: "Forbidden",
      message:
        'tap.linkerd.io is forbidden: User "joe" cannot watch resource "deployments/tap" in API group "tap.linkerd.io" in the namespace "app"',
    });
    expect(observed).toEqual([]);
    expect(lines.join("\n")).toMatch(/WARN.*Tap was refused.*user=joe/);
  });

  test("lets nobody in but the API server: without a certificate, with one of another authority, or of another name", async () => {
    const { ask, reviews, lines } = await world();
    await expect(ask({ as: null })).rejects.toThrow();
    await expect(ask({ as: client("front-proxy-client", createRoot("front", validity)) })).rejects.toThrow();
    await expect(ask({ as: client("somebody") })).rejects.toThrow();
    expect(reviews).toEqual([]);
    expect(lines.filter((line) => line.includes("A connection was refused")).length).toBeGreaterThanOrEqual(3);
    expect(lines.join("\n")).toContain('is for \\"somebody\\"');
  });

  test("refuses requests that name no user, ask for nothing there is, or can't be read", async () => {
    const { ask } = await world();
    const statuses: number[] = [];
    for (const options of [
      { user: "" },
      { method: "GET" },
      { path: "/apis/tap.linkerd.io/v1alpha1/x" },
      { body: "{" },
      { body: '{"maxRps":-1}' },
      { body: " ".repeat(70_000) },
      { path: tapPath({ kind: "deployment", namespace: "app", name: "none" }) },
    ])
      statuses.push((await ask(options)).status);
    expect(statuses).toEqual([401, 405, 404, 400, 400, 413, 404]);
  });

  test("says what it serves", async () => {
    const { ask } = await world();
    const { text } = await ask({ method: "GET", path: "/apis/tap.linkerd.io/v1alpha1", body: "" });
    const { kind, resources: served } = JSON.parse(text) as { kind: string; resources: Array<{ name: string }> };
    expect(kind).toBe("APIResourceList");
    expect(served.map(({ name }) => name)).toContain("deployments/tap");
  });
});
