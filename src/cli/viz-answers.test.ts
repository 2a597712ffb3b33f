/** `linkerd viz` commands against a metrics API with fixed answers. */
import { afterAll, expect, test } from "bun:test";
import type { Pod } from "#kube/types/core.ts";
import { tapLists } from "./commands/viz-list.ts";
import { expectGolden } from "./testing/golden.ts";
import { runCli } from "./testing/run-cli.ts";

const golden = { success: 0.925, rps: 4.25, p50: 1.4, p95: 12, p99: 20 };
const none = { success: null, rps: null, p50: null, p95: null, p99: null };
/** A name that would clear the screen. */
const nasty = "evil\u001b[2J";
const stat = {
  namespace: "n",
  name: "web",
  status: null,
  meshed: null,
  tcpOpenConnections: null,
  tcpReadRate: null,
  tcpWriteRate: null,
};

const rows: Readonly<Record<string, readonly object[]>> = {
  edges: [
    {
      src: "web",
      srcNamespace: "n",
      dst: "voting",
      dstNamespace: "n",
      clientId: "web.n",
      serverId: "voting.n",
      noTlsReason: "",
    },
    {
      src: "web",
      srcNamespace: "n",
      dst: nasty,
      dstNamespace: "n",
      clientId: "",
      serverId: "",
      noTlsReason: "not_provided_by_service_discovery",
    },
  ],
  routes: [
    {
      route: "GET /vote",
      dst: "voting",
      ...golden,
      effectiveSuccess: 0.925,
      effectiveRps: 4.25,
      actualSuccess: 0.8,
      actualRps: 5,
    },
    {
      route: "[DEFAULT]",
      dst: nasty,
      ...none,
      effectiveSuccess: null,
      effectiveRps: null,
      actualSuccess: null,
      actualRps: null,
    },
  ],
  authz: [
    { route: "ballots", server: "vote", authorization: "", unauthorized: 5, ...none },
    { route: "ballots", server: "vote", authorization: "authorizationpolicy/only-web", unauthorized: null, ...golden },
  ],
  "stat-inbound": [
    { namespace: "n", name: "voting", server: "vote:8080", route: "ballots", type: "HTTPRoute", ...golden },
    { namespace: "n", name: "web", server: "[default]:80", route: "[default]", type: "", ...golden },
  ],
  "stat-outbound": [
    {
      namespace: "n",
      name: "web",
      service: "voting:8080",
      route: "canary",
      type: "HTTPRoute",
      ...golden,
      timeouts: 0.2,
      retries: 0.1,
      backends: [
        { backend: "next:8080", ...golden, timeouts: 0 },
        { backend: "voting:8080", ...golden, timeouts: 0.25 },
      ],
    },
  ],
};

const asked: string[] = [];
const server = Bun.serve({
  port: 0,
  fetch(request) {
    const url = new URL(request.url);
    asked.push(`${url.pathname}${url.search}`);
    const name = url.pathname.replace("/api/", "");
    if (name !== "stat") return Response.json({ rows: url.searchParams.get("name") === "gone" ? [] : rows[name] });
    const kind = url.searchParams.get("kind") ?? "";
    if (kind === "server")
      return Response.json({ rows: [{ ...stat, kind, name: "vote", unauthorized: 5, ...golden }] });
    if (kind === "httproute") {
      return Response.json({ rows: [{ ...stat, kind, name: "ballots", server: "vote", unauthorized: 0, ...golden }] });
    }
    const known = kind === "deployment" || kind === "service" || kind === "authority";
    const name2 = kind === "authority" ? nasty : "web";
    return Response.json({ rows: known ? [{ ...stat, kind, name: name2, ...golden }] : [] });
  },
});
afterAll(() => server.stop(true));

async function viz(...args: string[]) {
  const api = ["--api-addr", `127.0.0.1:${server.port}`];
  const { out, err, code } = await runCli(["viz", ...args, ...api]);
  return `$ linkerd viz ${args.join(" ")}\n${out}${err === "" ? "" : `--- standard error\n${err}`}--- exit code ${code}\n`;
}

for (const [name, ...commands] of [
  [
    "edges",
    ["edges", "deploy", "-n", "n"],
    ["edges", "deploy", "-A", "-o", "wide"],
    ["edges", "deploy", "-o", "json"],
    ["edges", "svc"],
  ],
  [
    "routes",
    ["routes", "svc/voting", "-n", "n"],
    ["routes", "deploy/web", "--to", "au/voting", "-o", "wide"],
    ["routes", "svc", "-o", "json"],
    ["routes", "deploy", "--to", "deploy/web"],
  ],
  [
    "authz",
    ["authz", "deploy/voting", "-n", "n"],
    ["authz", "deploy", "-o", "json"],
    ["authz", "deploy/gone", "-n", "n"],
  ],
  ["stat-inbound", ["stat-inbound", "deploy", "-n", "n"], ["stat-inbound", "deploy", "-o", "json"]],
  [
    "stat-outbound",
    ["stat-outbound", "deploy", "-n", "n"],
    ["stat-outbound", "deploy", "-o", "json"],
    ["stat-outbound", "deploy", "-t", "5s"],
  ],
  [
    "stat",
    ["stat", "server", "-n", "n"],
    ["stat", "httproute", "-n", "n"],
    ["stat", "all", "-n", "n"],
    ["stat", "server", "-o", "json"],
  ],
] as ReadonlyArray<readonly [string, ...string[][]]>) {
  test(`viz ${name} prints Linkerd's columns and keys, and escapes names`, async () => {
    const text = (await Promise.all(commands.map((args) => viz(...args)))).join("\n");
    expect(text).not.toContain("\u001b");
    expectGolden(`viz/${name}.txt`, text);
  });
}

test("flags travel to the metrics API", async () => {
  asked.length = 0;
  await viz(
    "routes",
    "deploy/web",
    "--to",
    "svc/voting",
    "--to-namespace",
    "m",
    "-n",
    "n",
    "-t",
    "5m",
    "-l",
    "app=web",
  );
  expect(asked).toEqual([
    "/api/routes?kind=deployment&namespace=n&name=web&window=300000&to-kind=service&to-namespace=m&to-name=voting&selector=app%3Dweb",
  ]);
});

test("viz allow-scrapes prints policy for the scrapers", async () => {
  const { out } = await runCli(["viz", "allow-scrapes", "-n", "app"]);
  expectGolden("viz/allow-scrapes.txt", out);
});

test("viz install hands a Prometheus on, and refuses what is none", async () => {
  const { out } = await runCli(["viz", "install", "--set", "prometheusUrl=http://prometheus.monitoring:9090"]);
  expect(out).toContain("--prometheus-url=http://prometheus.monitoring:9090");
  const { err, code } = await runCli(["viz", "install", "--prometheus-url", "prometheus"]);
  expect([code, err]).toEqual([1, expect.stringContaining('The Prometheus URL "prometheus" is none')]);
});

test("viz list parts pods by whether they can be tapped", () => {
  const pod = (name: string, env: boolean | null, annotations: Record<string, string> = {}): Pod =>
    ({
      metadata: { name, namespace: "n", annotations },
      spec: {
        containers:
          env === null
            ? []
            : [{ name: "linkerd-proxy", env: env ? [{ name: "LINKERD2_PROXY_TAP_SVC_NAME", value: "tap" }] : [] }],
      },
    }) as Pod;
  const pods = [
    pod("b", true),
    pod("a", true),
    pod("quiet", false, { "viz.linkerd.io/disable-tap": "true" }),
    pod("old", false),
    pod("bare", null),
  ];
  expect(tapLists(pods)).toBe(
    "Pods with tap enabled:\n\t* n/a\n\t* n/b\n\nPods with tap disabled:\n\t* n/quiet\n\n" +
      "Pods missing tap configuration (restart these pods to enable tap):\n\t* n/old\n",
  );
});
