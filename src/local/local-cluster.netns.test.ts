/** A whole local cluster, as `linkerd local up` makes it: pods in namespaces, Services, DNS, restarts, cleaning up. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findMode } from "./launcher/capability.ts";
import { startLocalCluster, type LocalCluster } from "./launcher.ts";
import { Api } from "./testing/api.ts";

const permitted = await findMode({
  root: process.getuid?.() === 0,
  readFile: () => null,
  trial: async (argv) => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([...argv]);
    return { code: exitCode, output: stdout.toString() + stderr.toString() };
  },
}).catch(() => null);

interface PodObject {
  metadata: { name: string; uid: string };
  status?: {
    phase?: string;
    podIP?: string;
    conditions?: Array<{ type: string; status: string }>;
    containerStatuses?: Array<{ state: { terminated?: { exitCode: number; message?: string } } }>;
  };
}

const ready = (pod: PodObject): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
const pods = "/api/v1/namespaces/default/pods";

function pod(name: string, script: string, more: Record<string, unknown> = {}): unknown {
  return {
    metadata: { name, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 1,
      restartPolicy: "Never",
      containers: [{ name: "main", image: "test", command: ["sh", "-c", script], ...more }],
    },
  };
}

const server = `exec bun -e 'process.on("SIGTERM", () => process.exit(0)); Bun.serve({ port: 80, fetch: (request, server) => new Response(server.requestIP(request).address + " " + process.env.NAME) })'`;

describe.skipIf(permitted === null)("a local cluster", () => {
  const root = mkdtempSync(join(tmpdir(), "local-cluster-"));
  let cluster: LocalCluster;
  let api: Api;

  beforeAll(async () => {
    cluster = await startLocalCluster({ name: "test", stateRoot: root });
    api = new Api(cluster.kubeconfigPath);
    await api.until<{ metadata?: unknown }>("/api/v1/namespaces/default/serviceaccounts/default", () => true);
  });
  afterAll(async () => {
    await cluster.stop();
    rmSync(root, { recursive: true, force: true });
  });

  /** What a one-shot pod wrote. */
  async function run(name: string, script: string): Promise<string> {
    await api.create(pods, pod(name, script));
    await api.until<PodObject>(
      `${pods}/${name}`,
      ({ status }) => status?.phase === "Succeeded" || status?.phase === "Failed",
    );
    return await (await api.request("GET", `${pods}/${name}/log`)).text();
  }

  test("a second start of the same name says that it runs", async () => {
    const second = startLocalCluster({ name: "test", stateRoot: root });
    expect(second).rejects.toThrow("already running");
    await second.catch(() => {});
  });

  test("a pod reaches a Service by its name and is seen with its own address", async () => {
    const name = { name: "NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } };
    await api.create(
      pods,
      pod("web", server, { env: [name], readinessProbe: { httpGet: { path: "/", port: 80 }, periodSeconds: 1 } }),
    );
    await api.create("/api/v1/namespaces/default/services", {
      metadata: { name: "web" },
      spec: { selector: { app: "web" }, ports: [{ port: 8080, targetPort: 80 }] },
    });
    await api.until<PodObject>(`${pods}/web`, ready);
    const output = await run(
      "client",
      "for i in $(seq 100); do curl -sf -m 2 http://web:8080/ && break; sleep 0.1; done; echo; hostname -i",
    );
    const [answer = "", own = ""] = output.trim().split("\n");
    expect(answer).toBe(`::ffff:${own} web`);
  });

  test("a Service without endpoints refuses at once", async () => {
    await api.create("/api/v1/namespaces/default/services", {
      metadata: { name: "empty" },
      spec: { selector: { app: "none" }, ports: [{ port: 80 }] },
    });
    // Its name and its rule are there a moment after it; until then an attempt ends otherwise.
    const output = await run(
      "refused",
      "for i in $(seq 10); do curl -sS -m 1 http://empty/ 2>&1; rc=$?; echo rc=$rc; [ $rc = 7 ] && break; sleep 0.3; done",
    );
    expect(output).toContain("rc=7");
  });

  test("the host's files can't be changed, and a container's own files are gone with it", async () => {
    const mark = `linkerd-local-test-${process.pid}`;
    const output = await run(
      "writer",
      `touch /usr/${mark} /etc/hosts.${mark} /tmp/${mark} && echo all; ls /tmp /etc | grep -c ${mark}`,
    );
    expect(output).toContain("Read-only file system");
    expect(existsSync(`/usr/${mark}`) || existsSync(`/etc/hosts.${mark}`) || existsSync(`/tmp/${mark}`)).toBe(false);
  });

  test("an exit code and a termination message are shown", async () => {
    await api.create(pods, pod("fails", "echo because >/dev/termination-log; exit 7"));
    const failed = await api.until<PodObject>(`${pods}/fails`, ({ status }) => status?.phase === "Failed");
    expect(failed.status?.containerStatuses?.[0]?.state.terminated).toMatchObject({
      exitCode: 7,
      message: "because\n",
    });
  });

  test("a deleted pod is gone with its address and its log", async () => {
    const { metadata } = await api.until<PodObject>(`${pods}/web`, ready);
    await api.request("DELETE", `${pods}/web`);
    for (
      const end = performance.now() + 10_000;
      (await api.request("GET", `${pods}/web`)).status !== 404;
      await Bun.sleep(50)
    ) {
      if (performance.now() > end) throw new Error("The pod is still there");
    }
    expect(readdirSync(join(root, "test/pods")).some((name) => name.endsWith(metadata.uid))).toBe(false);
  });

  test("after the end neither a process nor a file says that it ran", async () => {
    await cluster.stop();
    expect(existsSync(cluster.kubeconfigPath)).toBe(false);
    expect(readdirSync(join(root, "test"))).toEqual(["cluster.log"]);
    expect(fetch(`https://127.0.0.1:${cluster.port}/version`)).rejects.toThrow();
  });
});

describe.skipIf(permitted === null)("a local cluster that keeps its state", () => {
  test("has its objects again after a restart", async () => {
    const root = mkdtempSync(join(tmpdir(), "local-cluster-"));
    const options = { name: "kept", stateRoot: root, persist: true };
    const first = await startLocalCluster(options);
    await new Api(first.kubeconfigPath).create("/api/v1/namespaces/default/configmaps", {
      metadata: { name: "kept" },
      data: { a: "1" },
    });
    await first.stop();
    const second = await startLocalCluster(options);
    const found = await new Api(second.kubeconfigPath).request("GET", "/api/v1/namespaces/default/configmaps/kept");
    await second.stop();
    rmSync(root, { recursive: true, force: true });
    expect(found.status).toBe(200);
  });
});
