import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "#lib/clock.ts";
import type { NodeExecutor } from "./executor.ts";
import { resources } from "./resource-ref.ts";
import { createServer } from "./testing/server.ts";
import type { ServerFixture } from "./testing/server.ts";

const kubectlPath = ["/usr/bin/kubectl", "/usr/local/bin/kubectl"].find((path) => existsSync(path));
const withKubectl = test.skipIf(kubectlPath === undefined);
if (kubectlPath === undefined) console.warn("kubectl is not installed: the tests that drive it are skipped");

let server: ServerFixture;
let folder = "";

const executor: NodeExecutor = {
  logs(pod, options, sink) {
    sink.write(Buffer.from(`log of ${pod.metadata.name}/${options.container}\n`));
    sink.end();
    return { onDrain() {}, cancel() {} };
  },
  exec(_pod, options, sink) {
    const chunks: Uint8Array[] = [];
    const finish = (): void => {
      sink.stdout(Buffer.concat([Buffer.from(`${options.command.join(" ")}:`), ...chunks]));
      sink.stderr(Buffer.from("oops"));
      sink.end({ kind: "exited", code: 7 });
    };
    if (!options.stdin) queueMicrotask(finish);
    return { stdin: (chunk) => chunks.push(Buffer.from(chunk)), closeStdin: finish, resize() {}, cancel() {} };
  },
  forward(_pod, port, sink) {
    return {
      write: (chunk) => sink.data(Buffer.concat([Buffer.from(`${port}:`), chunk])),
      shutdown: () => sink.end(null),
      pause() {},
      resume() {},
      cancel() {},
    };
  },
};

beforeAll(async () => {
  server = await createServer({ clock: systemClock });
  server.api.setExecutor(executor);
  folder = mkdtempSync(join(tmpdir(), "kubectl-"));
  writeFileSync(join(folder, "ca.pem"), server.caPem);
  writeFileSync(
    join(folder, "config"),
    `apiVersion: v1
kind: Config
clusters: [{name: l, cluster: {server: "https://127.0.0.1:${server.listener.port}", certificate-authority: ${folder}/ca.pem}}]
users: [{name: a, user: {token: admin}}]
contexts: [{name: l, context: {cluster: l, user: a}}]
current-context: l
`,
  );
});

afterAll(() => {
  server.listener.close();
  rmSync(folder, { recursive: true });
});

interface Output {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** `stdin` is given to the command when it isn't null. */
async function kubectl(args: readonly string[], stdin: string | null = null): Promise<Output> {
  const child = Bun.spawn([kubectlPath ?? "kubectl", ...args], {
    env: { KUBECONFIG: join(folder, "config"), HOME: folder, PATH: process.env["PATH"] ?? "" },
    stdin: stdin === null ? "ignore" : Buffer.from(stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, out, err };
}

const deployment = (image: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "${image}", ports: [{containerPort: 80}]}]}
`;

withKubectl(
  "apply creates, leaves alone and changes; get prints the usual columns",
  async () => {
    expect((await kubectl(["apply", "-f", "-"], deployment("web:1"))).out).toBe("deployment.apps/web created\n");
    expect((await kubectl(["apply", "-f", "-"], deployment("web:1"))).out).toBe("deployment.apps/web unchanged\n");
    expect((await kubectl(["apply", "-f", "-"], deployment("web:2"))).out).toBe("deployment.apps/web configured\n");
    const { out } = await kubectl(["get", "deploy", "-o", "wide"]);
    expect(out).toMatch(/^NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE\s+CONTAINERS\s+IMAGES\s+SELECTOR\n/);
    expect(out).toMatch(/\nweb\s+0\/2\s+0\s+0\s+\d+s\s+web\s+web:2\s+app=web\n/);
    expect((await kubectl(["scale", "deploy", "web", "--replicas=3"])).out).toBe("deployment.apps/web scaled\n");
    expect((await kubectl(["apply", "--server-side", "-f", "-"], deployment("web:3"))).out).toBe(
      "deployment.apps/web serverside-applied\n",
    );
  },
  30_000,
);

withKubectl(
  "mistakes are refused in Kubernetes' words",
  async () => {
    const typo = await kubectl(["apply", "-f", "-"], deployment("web:1").replace("replicas", "replicsa"));
    expect(typo.code).toBe(1);
    expect(typo.err).toContain('unknown field "spec.replicsa"');
    const lacking = await kubectl(
      ["apply", "-f", "-"],
      deployment("web:1")
        .replace(/ {2}selector.*\n/, "")
        .replace("web}", "x}"),
    );
    expect(lacking.err).toContain("spec.selector: Required value");
    expect((await kubectl(["get", "pods", "--as=nobody"])).err).toContain(
      'User "nobody" cannot list resource "pods" in API group "" in the namespace "default"',
    );
    const claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: x}\nspec: {}\n";
    expect((await kubectl(["apply", "--validate=false", "-f", "-"], claim)).err).toContain(
      "it has no storage; use an emptyDir volume",
    );
  },
  30_000,
);

withKubectl(
  "typed commands, which send protobuf, work",
  async () => {
    expect((await kubectl(["create", "namespace", "typed"])).out).toBe("namespace/typed created\n");
    expect((await kubectl(["create", "deployment", "d", "--image=x:1", "-n", "typed"])).out).toBe(
      "deployment.apps/d created\n",
    );
    expect((await kubectl(["create", "service", "clusterip", "s", "--tcp=80:8080", "-n", "typed"])).out).toBe(
      "service/s created\n",
    );
    expect((await kubectl(["auth", "can-i", "get", "pods"])).out).toBe("yes\n");
    const stored = server.api.client.get(resources.services, "typed", "s");
    expect(stored?.["spec"]).toMatchObject({ ports: [{ port: 80, targetPort: 8080, protocol: "TCP" }] });
  },
  30_000,
);

withKubectl(
  "logs, exec with its streams and exit code, and port-forward reach the node",
  async () => {
    await kubectl(["run", "p", "--image=x"]);
    await server.api.client.bind("default", "p", "local");
    await server.api.client.patch(
      resources.pods,
      "default",
      "p",
      { status: { phase: "Running" } },
      { subresource: "status" },
    );
    expect((await kubectl(["logs", "p"])).out).toBe("log of p/p\n");
    const ran = await kubectl(["exec", "-i", "p", "--", "cat", "-"], "hello");
    expect(ran.out).toBe("cat -:hello");
    expect(ran.err).toStartWith("oops");
    expect(ran.code).toBe(7);

    const child = Bun.spawn([kubectlPath ?? "kubectl", "port-forward", "pod/p", ":8080"], {
      env: { KUBECONFIG: join(folder, "config"), HOME: folder },
      stdout: "pipe",
      stderr: "ignore",
    });
    const reader = child.stdout.getReader();
    const first = Buffer.from((await reader.read()).value ?? []).toString();
    const port = Number(/127\.0\.0\.1:(\d+)/.exec(first)?.[1]);
    for (let round = 0; round < 3; round++) {
      const answer = await new Promise<string>((resolve) => {
        void Bun.connect({
          hostname: "127.0.0.1",
          port,
          socket: {
            open: (socket) => void socket.write("ping"),
            data(socket, chunk) {
              resolve(chunk.toString());
              socket.end();
            },
          },
        });
      });
      expect(answer).toBe("8080:ping");
    }
    child.kill();
    await child.exited;
  },
  30_000,
);

withKubectl(
  "a watch shows changes as they come",
  async () => {
    const child = Bun.spawn(
      [kubectlPath ?? "kubectl", "get", "configmaps", "-l", "seen=yes", "--watch", "--no-headers"],
      {
        env: { KUBECONFIG: join(folder, "config"), HOME: folder },
        stdout: "pipe",
        stderr: "pipe",
      },
    );
    const reader = child.stdout.getReader();
    const metadata = { name: "watched", namespace: "default", labels: { seen: "yes" } };
    await server.api.client.create(resources.configMaps, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata,
      data: { a: "1" },
    });
    // kubectl writes a line in several pieces.
    let line = "";
    while (!line.includes("\n")) line += Buffer.from((await reader.read()).value ?? Buffer.from("\n")).toString();
    expect(line).toMatch(/^watched\s+1\s/);
    child.kill();
    await child.exited;
  },
  30_000,
);

withKubectl(
  "delete waits for finalizers and cascades by owner",
  async () => {
    const { client } = server.api;
    const owner = await client.create(resources.configMaps, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "owner", namespace: "default" },
    });
    const ownerReferences = [
      { apiVersion: "v1", kind: "ConfigMap", name: "owner", uid: owner.metadata.uid, blockOwnerDeletion: true },
    ];
    await client.create(resources.configMaps, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "dependent", namespace: "default", ownerReferences },
    });
    expect((await kubectl(["delete", "cm", "owner", "--cascade=foreground"])).out).toBe('configmap "owner" deleted\n');
    expect(client.get(resources.configMaps, "default", "dependent")).toBeNull();
  },
  30_000,
);
