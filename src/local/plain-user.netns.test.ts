/**
 * Local clusters of a user who is not root: with many users of its own where /etc/subuid gives it some, else with one. The
 * user and its ranges exist in a mount namespace of the test only.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Api } from "./testing/api.ts";

const uid = 12345;
const program = resolve(import.meta.dir, "../../linkerd");
const folder = mkdtempSync(join(tmpdir(), "linkerd-plain-"));
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const asUser = ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
/** Root that may become somebody else, a readable checkout, and user namespaces for plain users. */
const possible =
  process.getuid?.() === 0 &&
  Bun.spawnSync([...asUser, "unshare", "--user", "--map-root-user", "test", "-x", program]).exitCode === 0;

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o644 });
  return path;
}

interface PodObject {
  readonly status?: { readonly phase?: string };
}

/** Starts a cluster as the user, lets one pod run with its traffic redirected, and gives what its containers wrote. */
async function runPod(ranges: string): Promise<{ main: string; init: string }> {
  const home = join(folder, ranges === "" ? "one" : "many");
  mkdirSync(home);
  chownSync(home, uid, uid);
  const over: Record<string, string> = {
    "/etc/passwd": write("passwd", `${readFileSync("/etc/passwd", "utf8")}tester:x:${uid}:${uid}::${home}:/bin/sh\n`),
    "/etc/group": write("group", `${readFileSync("/etc/group", "utf8")}tester:x:${uid}:\n`),
    "/etc/subuid": write("subuid", ranges),
    "/etc/subgid": write("subgid", ranges),
  };
  const mounts = Object.entries(over).map(([path, from]) => `mount --bind ${from} ${path}`);
  const script = [...mounts, `exec ${asUser.join(" ")} "$@"`].join(" && ");
  const cluster = Bun.spawn(
    ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", program, "local", "up"],
    {
      env: { PATH: process.env["PATH"] ?? "", HOME: home, LINKERD_LOCAL_STATE: join(home, "state") },
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  try {
    let said = "";
    for await (const chunk of cluster.stdout) {
      said += Buffer.from(chunk).toString();
      if (said.includes("export KUBECONFIG=")) break;
    }
    const api = new Api(/export KUBECONFIG=(\S+)/.exec(said)?.[1] ?? "");
    await api.until("/api/v1/namespaces/default/serviceaccounts/default", () => true);
    const pods = "/api/v1/namespaces/default/pods";
    await api.create(pods, {
      metadata: { name: "who" },
      spec: {
        restartPolicy: "Never",
        initContainers: [
          {
            name: "init",
            image: "cr.l5d.io/linkerd/proxy:test",
            args: [
              "proxy-init",
              "--incoming-proxy-port",
              "4143",
              "--outgoing-proxy-port",
              "4140",
              "--proxy-uid",
              "2102",
            ],
            securityContext: {
              runAsUser: 65534,
              allowPrivilegeEscalation: false,
              capabilities: { add: ["NET_ADMIN", "NET_RAW"] },
            },
          },
        ],
        containers: [
          {
            name: "main",
            image: "test",
            command: ["sh", "-c", "id -u; wc -l </proc/self/uid_map"],
            securityContext: { runAsUser: 2102, capabilities: { drop: ["ALL"] } },
          },
        ],
      },
    });
    await api.until<PodObject>(
      `${pods}/who`,
      ({ status }) => status?.phase === "Succeeded" || status?.phase === "Failed",
    );
    const log = async (name: string): Promise<string> =>
      await (await api.request("GET", `${pods}/who/log?container=${name}`)).text();
    return { main: await log("main"), init: await log("init") };
  } finally {
    cluster.kill("SIGTERM");
    await cluster.exited;
  }
}

describe.skipIf(!possible)("a local cluster of a plain user", () => {
  test.skipIf(Bun.which("newuidmap") === null)("has all users where the machine maps some to it", async () => {
    const { main, init } = await runPod("tester:200000:65536\n");
    expect(main.split(/\s+/)).toEqual(["2102", "2", ""]);
    expect(init).toContain("Redirect rules are installed");
    expect(init).toContain("mark=null");
  });

  test("has one user otherwise, and tells the proxy by its mark", async () => {
    const { main, init } = await runPod("");
    expect(main.split(/\s+/)).toEqual(["0", "1", ""]);
    expect(init).toContain("Redirect rules are installed");
    expect(init).toMatch(/mark=\d/);
  });
});
