/** `linkerd profile --tap` as typed, against an API server that answers for tap. */
import { afterEach, expect, test } from "bun:test";
import type { FakeApi } from "#kube/testing/fake-api.ts";
import { parseYaml } from "#manifests/yaml.ts";
import { emptyCluster } from "../testing/fake-cluster.ts";
import { runCli } from "../testing/run-cli.ts";

const clusters: FakeApi[] = [];
afterEach(async () => {
  for (const api of clusters.splice(0)) await api.stop();
});

const request = (method: string, path: string, proxyDirection = "INBOUND") => ({
  event: {
    source: { ip: "10.0.0.1", port: 1000, metadata: {} },
    destination: { ip: "10.0.0.2", port: 80, metadata: {} },
    routeMeta: {},
    proxyDirection,
    requestInitEvent: { id: { base: 0, stream: 0 }, method, scheme: "http", authority: "web", path, headers: [] },
  },
});
const lines = [
  { tapping: { proxies: 1, pods: 1 } },
  request("POST", "/api/vote?choice=a"),
  request("GET", "/api/vote?choice=b"),
  request("GET", "/api/vote"),
  request("GET", "/a.b"),
  request("GET", "/elsewhere", "OUTBOUND"),
  request("OPTIONS", "*"),
  request("GET", "/\u001b[31m"),
  request("GET", "/z"),
];

/** `silent`: it goes on listening after the lines. */
function cluster(silent: boolean, sent: readonly object[] = lines) {
  const api = emptyCluster();
  clusters.push(api);
  const asked: string[] = [];
  api.intercept = async (_message, url) => {
    if (!url.pathname.startsWith("/apis/tap.linkerd.io/")) return null;
    asked.push(url.pathname);
    const text = sent.map((line) => `${JSON.stringify(line)}\n`).join("");
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(text));
        if (!silent) controller.close();
      },
    });
    return new Response(body);
  };
  return { api, asked };
}

const profile = ["profile", "--ignore-cluster", "-n", "app", "web-svc", "--tap", "deploy/web"];
const routesOf = (out: string): unknown =>
  (parseYaml(out, "out")[0] as { spec: { routes: Array<{ name: string; condition: unknown }> } }).spec.routes.map(
    ({ name, condition }) => [name, condition],
  );

test("each method and path that servers are asked for is a route, once and as it is", async () => {
  const { api, asked } = cluster(false);
  const { code, out } = await runCli(profile, { api });
  expect(code).toBe(0);
  expect(routesOf(out)).toEqual([
    ["GET /a.b", { method: "GET", pathRegex: "/a\\.b" }],
    ["GET /api/vote", { method: "GET", pathRegex: "/api/vote" }],
    ["POST /api/vote", { method: "POST", pathRegex: "/api/vote" }],
    ["GET /z", { method: "GET", pathRegex: "/z" }],
  ]);
  expect(out).toContain("web-svc.app.svc.cluster.local");
  expect(asked).toEqual(["/apis/tap.linkerd.io/v1alpha1/watch/namespaces/app/deployments/web/tap"]);
});

test("it listens until its time is over, or until it has as many routes as were asked for", async () => {
  const timed = await runCli(["viz", ...profile, "--tap-duration", "200ms"], { api: cluster(true).api });
  expect([timed.code, (routesOf(timed.out) as unknown[]).length]).toEqual([0, 4]);
  const limited = await runCli([...profile, "--tap-duration", "10m", "--tap-route-limit", "2"], {
    api: cluster(true).api,
  });
  expect([limited.code, (routesOf(limited.out) as unknown[]).length]).toEqual([0, 2]);
});

test("without requests, with a flag that is none, and with two sources it says what to do", async () => {
  const quiet = await runCli([...profile, "--tap-duration", "50ms"], { api: cluster(true, []).api });
  expect([quiet.code, quiet.out]).toEqual([1, ""]);
  expect(quiet.err).toContain("No request came in that time");
  for (const [flags, message] of [
    [["--tap-duration", "soon"], 'Flag --tap-duration has the value "soon"'],
    [["--tap-route-limit", "0"], 'Flag --tap-route-limit has the value "0"'],
    [["--template"], "exactly one of --template or --open-api or --proto or --tap"],
  ] as const) {
    const wrong = await runCli([...profile, ...flags], { api: cluster(false).api });
    expect([wrong.code, wrong.out]).toEqual([1, ""]);
    expect(wrong.err).toContain(message);
  }
});
