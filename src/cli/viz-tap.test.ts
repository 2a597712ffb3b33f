/** `linkerd viz tap` as typed, against an API server that answers for tap. */
import { afterEach, expect, test } from "bun:test";
import type { FakeApi } from "#kube/testing/fake-api.ts";
import { emptyCluster } from "./testing/fake-cluster.ts";
import { runCli } from "./testing/run-cli.ts";

const clusters: FakeApi[] = [];
afterEach(async () => {
  for (const api of clusters.splice(0)) await api.stop();
});

const event = {
  source: { ip: "10.0.0.1", port: 1000, metadata: {} },
  destination: { ip: "10.0.0.2", port: 80, metadata: { tls: "true" } },
  routeMeta: {},
  proxyDirection: "OUTBOUND",
  requestInitEvent: {
    id: { base: 0, stream: 0 },
    method: "GET",
    scheme: "http",
    authority: "web",
    path: "/\u001b[31m\n",
    headers: [{ name: "a", valueStr: "\u0007" }],
  },
};
const lines = [
  { tapping: { proxies: 1, pods: 1 } },
  { note: "\u001bnote" },
  { event },
  { dropped: { rate: 3, slow: 1 } },
];

function tapCluster(answer: () => Response): { readonly api: FakeApi; readonly asked: Array<[string, unknown]> } {
  const api = emptyCluster();
  clusters.push(api);
  const asked: Array<[string, unknown]> = [];
  api.intercept = async (request, url) => {
    if (!url.pathname.startsWith("/apis/tap.linkerd.io/")) return null;
    asked.push([url.pathname, await request.json()]);
    return answer();
  };
  return { api, asked };
}

const streaming = () => tapCluster(() => new Response(lines.map((line) => `${JSON.stringify(line)}\n\n`).join("")));

test("events go to standard output, notes beside; both harmless", async () => {
  const { api, asked } = streaming();
  const argv = ["viz", "tap", "deploy/web", "-n", "app", "--to", "svc/voting", "--path", "/a", "--max-rps", "5"];
  const { code, out, err } = await runCli(argv, { api });
  expect(out).toBe(
    "req id=0:0 proxy=out src=10.0.0.1:1000 dst=10.0.0.2:80 tls=true :method=GET :authority=web :path=/\\x1b[31m\\x0a\n",
  );
  expect(err).toBe(
    "\\x1bnote\nLeft out so far: 3 above --max-rps 5, 1 because they are read too slowly\n" +
      "Error: The tap API ended the stream; it may be restarting\n",
  );
  expect(code).toBe(1);
  expect(asked).toEqual([
    [
      "/apis/tap.linkerd.io/v1alpha1/watch/namespaces/app/deployments/web/tap",
      { maxRps: 5, to: { kind: "service", namespace: "app", name: "voting" }, path: "/a", headers: false },
    ],
  ]);
});

test("json and jsonpath tell header fields too, and are as harmless", async () => {
  const json = streaming();
  const { out } = await runCli(["viz", "tap", "ns/app", "-o", "json"], { api: json.api });
  expect(JSON.parse(out)).toEqual(event);
  expect(out).not.toContain("\u001b");
  expect(json.asked[0]?.[1]).toMatchObject({ headers: true });
  const path = "jsonpath={.requestInitEvent.path} {.requestInitEvent.headers[0].valueStr}";
  const printed = await runCli(["viz", "tap", "ns/app", "-o", path], { api: streaming().api });
  expect(printed.out).toBe("/\\x1b[31m\\x0a \\x07\n");
});

test("who may not, and where tap is not installed, it says what to do", async () => {
  const refused = tapCluster(() =>
    Response.json({ kind: "Status", reason: "Forbidden", message: 'User "joe" cannot' }, { status: 403 }),
  );
  const { code, err } = await runCli(["viz", "tap", "deploy/web"], { api: refused.api });
  expect(code).toBe(1);
  expect(err).toContain('User "joe" cannot');
  expect(err).toContain('the ClusterRole "linkerd-linkerd-viz-tap-admin"');
  const missing = tapCluster(() =>
    Response.json({ kind: "Status", message: "the server could not find the requested resource" }, { status: 404 }),
  );
  expect((await runCli(["viz", "tap", "deploy/web"], { api: missing.api })).err).toContain("linkerd viz install");
});

test.each([
  [["deploy/web", "--max-rps", "0"], "--max-rps"],
  [["authority/web"], "has no pods"],
  [["ns"], "Name a namespace"],
  [["deploy/web", "-o", "yaml"], "--output"],
  [["deploy/web", "-o", "jsonpath={.a"], "not valid"],
])("viz tap %j is refused", async (args, why) => {
  const { code, err } = await runCli(["viz", "tap", ...args], { api: streaming().api });
  expect(code).toBe(1);
  expect(err).toContain(why);
});
