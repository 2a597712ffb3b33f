/**
 * What a new user types, in that order, on a cluster that has nothing: check --pre, install, check, inject, viz, look
 * at it from all sides, restart, uninstall. Needs kubectl.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { parseAllDocuments } from "yaml";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { emojivotoFile, waitForDeployments } from "../../scripts/mesh.ts";
import { eventually, hasKubectl, ok, startCluster, toolboxImage, type TestCluster } from "../harness/cluster.ts";

interface Stat {
  readonly name: string;
  readonly meshed: string;
  readonly success: number | null;
  readonly rps: number | null;
}

describe.skipIf(!hasKubectl)("first steps", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startCluster("first-steps");
  });
  afterAll(async () => {
    await cluster?.stop();
  });

  async function stat(...args: string[]): Promise<Stat[]> {
    return JSON.parse(await ok(cluster.linkerd(["viz", "stat", ...args, "-o", "json"]))) as Stat[];
  }

  test("check --pre is green on an empty cluster", async () => {
    const out = await ok(cluster.linkerd(["check", "--pre"]));
    expect(out).toContain("√ can create ServiceAccounts");
    expect(out).toEndWith("Status check results are √\n");
  });

  test("check says what is missing before the installation, with exit code 1", async () => {
    const { code, out } = await cluster.linkerd(["check", "--wait", "0s"]);
    expect(code).toBe(1);
    expect(out).toContain("× 'linkerd-config' config map exists");
    expect(out).toContain("https://linkerd.io/2/checks/#l5d-existence-linkerd-config");
  });

  test("install --crds and install are applied by kubectl, and the control plane gets ready", async () => {
    const crds = await ok(cluster.linkerd(["install", "--crds"]));
    await ok(cluster.kubectl(["apply", "-f", "-"], crds));
    const manifests = await ok(cluster.linkerd(["install"]));
    await ok(cluster.kubectl(["apply", "-f", "-"], manifests));
    await waitForDeployments(cluster.client, "linkerd", 60_000);
  });

  test("a second install refuses", async () => {
    const { code, err } = await cluster.linkerd(["install"]);
    expect(code).toBe(1);
    expect(err).toContain('A control plane is installed in namespace "linkerd"');
  });

  test("check is green after it", async () => {
    const out = await ok(cluster.linkerd(["check"]));
    expect(out).not.toContain("×");
    expect(out).not.toContain("‼");
    expect(out).toEndWith("Status check results are √\n");
  });

  test("version names client and server", async () => {
    expect(await ok(cluster.linkerd(["version"]))).toMatch(/^Client version: (\S+)\nServer version: \1\n$/);
  });

  test("the sample application comes up meshed, the proxy as a native sidecar", async () => {
    await ok(cluster.kubectl(["apply", "-f", emojivotoFile]));
    await waitForDeployments(cluster.client, "emojivoto", 60_000);
    const { items } = await cluster.client.list<Pod>(resources.pods, { namespace: "emojivoto" });
    expect(items).toHaveLength(4);
    for (const pod of items) {
      expect(pod.spec.initContainers?.map(({ name }) => name)).toEqual(["linkerd-init", "linkerd-proxy"]);
      expect(pod.metadata.labels?.["linkerd.io/control-plane-ns"]).toBe("linkerd");
    }
  });

  test("viz stat shows every deployment, voting below 100 %", async () => {
    const manifests = await ok(cluster.linkerd(["viz", "install", "--scrape-interval", "2s"]));
    await ok(cluster.kubectl(["apply", "-f", "-"], manifests));
    await waitForDeployments(cluster.client, "linkerd-viz", 60_000);
    const rows = await eventually("traffic and a failed vote in viz stat", 60_000, async () => {
      const found = await stat("deploy", "-n", "emojivoto");
      const seen = found.every((row) => row.name === "vote-bot" || row.success !== null);
      // One vote in seven fails: the first look at a few of them may have seen none of these, or nothing else.
      const voting = found.find((row) => row.name === "voting")?.success ?? 1;
      return seen && voting < 1 && voting > 0.5 ? found : null;
    });
    expect(rows.map((row) => row.name)).toEqual(["emoji", "vote-bot", "voting", "web"]);
    expect(rows.every((row) => row.meshed === "1/1")).toBe(true);
    const success = new Map(rows.map((row) => [row.name, row.success]));
    expect(success.get("emoji")).toBe(1);
    expect(success.get("voting")).toBeLessThan(1);
    expect(success.get("voting")).toBeGreaterThan(0.5);
    const table = await ok(cluster.linkerd(["viz", "stat", "deploy", "-n", "emojivoto"]));
    expect(table.split("\n")[0]).toMatch(
      /^NAME +MESHED +SUCCESS +RPS +LATENCY_P50 +LATENCY_P95 +LATENCY_P99 +TCP_CONN$/,
    );
  });

  test("viz stat --to and --from tell the edges apart", async () => {
    // Each proxy is read at its own time.
    const to = await eventually("a failed vote of web's", 30_000, async () => {
      const [row] = await stat("deploy/web", "--to", "deploy/voting", "-n", "emojivoto");
      return (row?.success ?? 1) < 1 ? row : null;
    });
    expect(to?.success).toBeLessThan(1);
    const [other] = await stat("deploy/web", "--to", "deploy/emoji", "-n", "emojivoto");
    expect(other?.success).toBe(1);
    // A rate over a minute grows during the first one.
    const from = await eventually("web's rate", 60_000, async () => {
      const [row] = await stat("deploy/voting", "--from", "deploy/web", "-n", "emojivoto");
      return (row?.rps ?? 0) > 1 ? row : null;
    });
    expect(from?.rps).toBeGreaterThan(1);
  });

  test("viz edges, routes, authz, stat-inbound and stat-outbound see the same traffic", async () => {
    const rows = async (...args: string[]): Promise<Array<Record<string, unknown>>> =>
      JSON.parse(await ok(cluster.linkerd(["viz", ...args, "-n", "emojivoto", "-o", "json"]))) as Array<
        Record<string, unknown>
      >;
    const [edges, routes, authz, inbound, outbound] = await Promise.all([
      rows("edges", "deploy"),
      rows("routes", "deploy/voting"),
      rows("authz", "deploy/voting"),
      rows("stat-inbound", "deploy/voting"),
      rows("stat-outbound", "deploy/web"),
    ]);
    const secured = { client_id: "web.emojivoto", server_id: "voting.emojivoto", no_tls_reason: "" };
    expect(edges).toContainEqual(expect.objectContaining({ src: "web", dst: "voting", ...secured }));
    expect(routes).toContainEqual(expect.objectContaining({ route: "[DEFAULT]", actual_rps: expect.any(Number) }));
    expect(authz).toContainEqual(
      expect.objectContaining({ server: "default:all-unauthenticated", rps: expect.any(Number) }),
    );
    expect(inbound).toContainEqual(expect.objectContaining({ name: "voting", server: "[default]:8080" }));
    expect(outbound).toContainEqual(
      expect.objectContaining({
        service: "voting:8080",
        backends: [expect.objectContaining({ backend: "voting:8080" })],
      }),
    );
  });

  test("check covers proxies and the extension", async () => {
    const out = await ok(cluster.linkerd(["check", "--proxy", "-n", "emojivoto"]));
    expect(out).toContain("√ data plane proxies are ready");
    expect(out).toContain("√ viz extension self-check");
    expect(out).toEndWith("Status check results are √\n");
  });

  test("identity prints the certificate of a ServiceAccount", async () => {
    const out = await ok(cluster.linkerd(["identity", "-n", "emojivoto", "deploy/web"]));
    expect(out).toContain("DNS:web.emojivoto.serviceaccount.identity.linkerd.cluster.local");
  });

  test("diagnostics show endpoints and raw metrics", async () => {
    const endpoints = await ok(
      cluster.linkerd(["diagnostics", "endpoints", "voting.emojivoto.svc.cluster.local:8080", "-o", "json"]),
    );
    expect(JSON.parse(endpoints)).toMatchObject([{ namespace: "emojivoto", port: 8080, service: "voting.emojivoto" }]);
    const metrics = await ok(cluster.linkerd(["diagnostics", "proxy-metrics", "-n", "emojivoto", "deploy/web"]));
    expect(metrics).toContain('direction="outbound"');
    expect(await ok(cluster.linkerd(["diagnostics", "controller-metrics"]))).toContain("process_start_time_seconds");
  });

  test("inject and uninject round-trip a manifest", async () => {
    const injected = await ok(cluster.linkerd(["inject", emojivotoFile]));
    expect(injected).toContain("linkerd.io/inject: enabled");
    const back = await ok(cluster.linkerd(["uninject", "-"], injected));
    expect(parseAllDocuments(back).length).toBe(parseAllDocuments(injected).length);
    expect(back).not.toContain("linkerd.io/inject: enabled");
  });

  test("a rollout restart of everything loses no request", async () => {
    const before = await botFailures();
    await ok(cluster.kubectl(["rollout", "restart", "deploy/web", "deploy/emoji", "deploy/voting", "-n", "emojivoto"]));
    await ok(cluster.kubectl(["rollout", "status", "deploy", "-n", "emojivoto", "--timeout=90s"]));
    // The old pods must be gone before anything can be said.
    await eventually("the old pods' end", 60_000, async () => {
      const { items } = await cluster.client.list<Pod>(resources.pods, { namespace: "emojivoto" });
      return items.length === 4 ? true : null;
    });
    expect(await botFailures()).toEqual(before);
  });

  /** Failed votes (other than doughnuts) in the bot's log. */
  async function botFailures(): Promise<string[]> {
    const log = await ok(cluster.kubectl(["logs", "-n", "emojivoto", "deploy/vote-bot", "-c", "vote-bot"]));
    return log.split("\n").filter((line) => line.startsWith("vote for "));
  }

  test("viz tap shows the live requests of pods that were started since viz is there, with their TLS", async () => {
    const out = await ok(cluster.shell("linkerd viz tap deploy/web -n emojivoto --max-rps 20 | head -n 60 || true"));
    expect(out).toMatch(
      /^req id=\d+:\d+ proxy=in  src=\S+ dst=\S+ tls=true :method=POST :authority=web\.emojivoto\S* :path=\/api\/vote/m,
    );
    expect(out).toMatch(/^req id=\d+:\d+ proxy=out src=\S+ dst=\S+ tls=true :method=GET :authority=emoji\S+ :path=/m);
    expect(out).toMatch(/^rsp id=\d+:\d+ proxy=in  .* :status=200 latency=\d+µs$/m);
    expect(out).toMatch(/^end id=\d+:\d+ proxy=in  .* duration=\d+µs response-length=\d+B$/m);
    const filtered = await ok(
      cluster.shell("linkerd viz tap deploy/web --to deploy/voting -n emojivoto -o wide | head -n 6 || true"),
    );
    for (const line of filtered.trimEnd().split("\n")) expect(line).toContain("proxy=out");
    expect(filtered).toContain("src_res=deploy/web src_ns=emojivoto dst_res=deploy/voting dst_ns=emojivoto");
  });

  test("viz tap is refused without the right, and shows one resource to whom it is given for that one", async () => {
    const tap = (resource: string) => `linkerd viz tap ${resource} -n emojivoto --as joe`;
    const refused = await cluster.linkerd(["viz", "tap", "deploy/web", "-n", "emojivoto", "--as", "joe"]);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain(
      'User "joe" cannot watch resource "deployments/tap" in API group "tap.linkerd.io" in the namespace "emojivoto"',
    );
    const rule = {
      apiGroups: ["tap.linkerd.io"],
      resources: ["deployments/tap"],
      resourceNames: ["web"],
      verbs: ["watch"],
    };
    const metadata = { name: "tap-web", namespace: "emojivoto" };
    const apiVersion = "rbac.authorization.k8s.io/v1";
    const apiGroup = "rbac.authorization.k8s.io";
    const items = [
      { apiVersion, kind: "Role", metadata, rules: [rule] },
      {
        apiVersion,
        kind: "RoleBinding",
        metadata,
        roleRef: { apiGroup, kind: "Role", name: "tap-web" },
        subjects: [{ apiGroup, kind: "User", name: "joe" }],
      },
    ];
    await ok(cluster.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items })));
    await eventually("joe's view", 10_000, async () => {
      const { out } = await cluster.shell(`${tap("deploy/web")} | head -n 1 || true`);
      return out.startsWith("req ") ? true : null;
    });
    expect((await cluster.linkerd(["viz", "tap", "deploy/voting", "-n", "emojivoto", "--as", "joe"])).code).toBe(1);
  });

  test("an own Deployment with the annotation is meshed", async () => {
    const manifest = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "own", namespace: "default" },
      spec: {
        selector: { matchLabels: { app: "own" } },
        template: {
          metadata: { labels: { app: "own" }, annotations: { "linkerd.io/inject": "enabled" } },
          spec: {
            containers: [{ name: "main", image: toolboxImage, command: ["sleep", "1000"] }],
            terminationGracePeriodSeconds: 1,
          },
        },
      },
    };
    await ok(cluster.kubectl(["apply", "-f", "-"], JSON.stringify(manifest)));
    await waitForDeployments(cluster.client, "default", 60_000);
    const { items } = await cluster.client.list<Pod>(resources.pods, {
      namespace: "default",
      labelSelector: "app=own",
    });
    expect(items[0]?.spec.initContainers?.map(({ name }) => name)).toContain("linkerd-proxy");
  });

  test("uninstall refuses while pods are meshed, and removes everything afterwards", async () => {
    const refused = await cluster.linkerd(["uninstall"]);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain("emojivoto/");
    await ok(cluster.kubectl(["delete", "namespace", "emojivoto", "--wait=false"]));
    await ok(cluster.kubectl(["delete", "-f", "-"], await ok(cluster.linkerd(["viz", "uninstall"]))));
    await ok(cluster.kubectl(["delete", "deployment", "own", "--grace-period=1"]));
    const list = await eventually("uninstall's list", 60_000, async () => {
      const { code, out } = await cluster.linkerd(["uninstall"]);
      return code === 0 ? out : null;
    });
    await ok(cluster.kubectl(["delete", "-f", "-"], list));
    await ok(cluster.kubectl(["wait", "namespace/emojivoto", "--for=delete", "--timeout=60s"]));
    const left = await ok(cluster.kubectl(["get", "ns,clusterroles,clusterrolebindings,crds", "-o", "name"]));
    expect(left.split("\n").filter((name) => name.includes("linkerd"))).toEqual([]);
  });
});
