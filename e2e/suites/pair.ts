/**
 * A client's host and a server's host on one machine, each with a proxy as a pod has it: real processes, the proxy's user and
 * variables, redirection by the kernel, identities signed by a control plane each.
 *
 *     client ─ redirect ─ proxy (out) ═══ mutual TLS ═══ proxy (in) ─ application
 *     a client without a mesh ────── plaintext, redirect ────┘
 */
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createPki, type Pki } from "../../bench/macro/pki.ts";
import { run, start, waitForPort, type Started } from "../../bench/macro/process.ts";
import type { ControlPlaneSettings } from "./control-plane.ts";

const repository = resolve(import.meta.dir, "../..");

/** Of this process, so that runs do not meet. */
const mine = (side: "client" | "server"): string => `lsuite-${side}-${process.pid}`;

export const client = { namespace: mine("client"), ip: "10.202.7.1", link: "lsuite-c" } as const;
export const server = {
  namespace: mine("server"),
  /** The client's connections to this address go through its proxy. */
  ip: "10.202.7.2",
  /** Those to this one reach the server's proxy in plaintext, as from a pod without a proxy. */
  bareIp: "10.202.7.3",
  link: "lsuite-s",
} as const;

/** The user whose traffic is not redirected, as in a pod. */
const proxyUid = 2102;
const ports = { outbound: 4140, inbound: 4143, admin: 4191, control: 8086 } as const;
/** Of applications, all of one Service: the first is declared to speak HTTP/2, for the others the proxies look at the bytes. */
export const appPorts = [8080, 8081, 8082] as const;

export interface PairOptions {
  /** More settings of the proxies, without LINKERD2_PROXY_. */
  readonly env?: Readonly<Record<string, string>>;
  /** Writes CPU profiles of the proxies into this folder when they end. */
  readonly profile?: string;
}

export interface Pair {
  /** The client's proxy and the server's. */
  readonly out: Started;
  readonly in: Started;
  /** Starts an application on the server's host, or a program on the client's; it is ended with the pair. */
  inServer(name: string, argv: readonly string[], port: number): Promise<Started>;
  inClient(name: string, argv: readonly string[]): Started;
  /** Runs a program on the client's host to its end. */
  runInClient(argv: readonly string[], limit: number): Promise<Finished>;
  /** What a proxy's admin port answers to a path, and how long that took, ms. */
  ask(
    side: "out" | "in",
    path: string,
  ): Promise<{ readonly status: number; readonly body: string; readonly took: number }>;
  stop(): Promise<void>;
}

export interface Finished {
  readonly code: number | null;
  readonly output: string;
}

/** Starts the hosts and the proxies; they are ready. What an earlier run left is removed first. */
export async function startPair(options: PairOptions = {}): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), "linkerd-suite-"));
  const started: Started[] = [];
  const children = new Set<Bun.Subprocess>();
  const stop = async (): Promise<void> => {
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(started.toReversed().map((program) => program.stop()));
    await removeHosts();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await removeHosts();
    await createHosts();
    const pki = createPki(folder);
    // Its certificates are for the proxies' user.
    await run(["chmod", "755", folder]);
    const proxies: Started[] = [];
    for (const host of [client, server]) {
      const settings = join(folder, `${host.namespace}.json`);
      writeFileSync(settings, JSON.stringify(controlPlaneSettings(pki)), { mode: 0o600 });
      const script = join(import.meta.dir, "control-plane.ts");
      const argv = [process.execPath, "--smol", script, settings];
      const control = start(`control plane of ${host.namespace}`, argv, { ...host, cwd: repository });
      started.push(control);
      await waitForPort(host.namespace, ports.control, control);
      const proxy = startProxy(folder, pki, host, options);
      started.push(proxy);
      proxies.push(proxy);
    }
    const [out, inner] = proxies as [Started, Started];
    const ask: Pair["ask"] = async (side, path) => {
      const { namespace } = side === "out" ? client : server;
      const curl = [
        "curl",
        "-s",
        "-m",
        "10",
        "-w",
        "\n%{http_code} %{time_total}",
        `http://127.0.0.1:${ports.admin}${path}`,
      ];
      const text = await run(curl, namespace).catch(() => "\n0 10");
      const at = text.lastIndexOf("\n");
      const [status = "0", seconds = "10"] = text.slice(at + 1).split(" ");
      return { status: Number(status), body: text.slice(0, at), took: Number(seconds) * 1000 };
    };
    for (const side of ["out", "in"] as const)
      await untilReady(side === "out" ? out : inner, () => ask(side, "/ready"));
    return {
      out,
      in: inner,
      async inServer(name, argv, port) {
        const program = start(name, argv, server);
        started.push(program);
        await waitForPort(server.namespace, port, program);
        return program;
      },
      inClient(name, argv) {
        const program = start(name, argv, client);
        started.push(program);
        return program;
      },
      async runInClient(argv, limit) {
        const child = Bun.spawn(["nsenter", `--net=/run/netns/${client.namespace}`, ...argv], {
          stdin: "ignore",
          stdout: "pipe",
          stderr: "pipe",
        });
        children.add(child);
        const timer = setTimeout(() => child.kill("SIGKILL"), limit);
        const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
        await child.exited;
        clearTimeout(timer);
        children.delete(child);
        return { code: child.exitCode, output: out + err };
      },
      ask,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function untilReady(proxy: Started, ready: () => Promise<{ readonly status: number }>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if ((await ready()).status === 200) return;
    await Bun.sleep(50);
  }
  throw new Error(`${proxy.name} is not ready after 10 s:\n${proxy.output()}`);
}

function controlPlaneSettings(pki: Pki): ControlPlaneSettings {
  return {
    port: ports.control,
    anchor: pki.caPem,
    key: pki.authority.key.privateKeyPem,
    services: appPorts.map((port) => ({
      ip: server.ip,
      port,
      name: "app.suite.svc.cluster.local",
      protocol: port === appPorts[0] ? ("http2" as const) : ("detect" as const),
      endpoint: {
        ip: server.ip,
        port,
        labels: { namespace: "suite", service: "app" },
        identity: pki.server.name,
        transportPort: ports.inbound,
      },
    })),
  };
}

function startProxy(
  folder: string,
  pki: Pki,
  host: typeof client | typeof server,
  { env, profile }: PairOptions,
): Started {
  const dir = join(folder, `identity-${host.namespace}`);
  mkdirSync(dir);
  chownSync(dir, proxyUid, proxyUid);
  const token = join(folder, "token");
  writeFileSync(token, "token");
  const addr = `localhost.:${ports.control}`;
  const settings = {
    LOG: "warn,linkerd=info",
    INBOUND_LISTEN_ADDR: `0.0.0.0:${ports.inbound}`,
    INBOUND_IPS: host === client ? client.ip : `${server.ip},${server.bareIp}`,
    OUTBOUND_LISTEN_ADDR: `127.0.0.1:${ports.outbound}`,
    ADMIN_LISTEN_ADDR: `127.0.0.1:${ports.admin}`,
    DESTINATION_SVC_ADDR: addr,
    POLICY_SVC_ADDR: addr,
    IDENTITY_SVC_ADDR: addr,
    IDENTITY_DIR: dir,
    IDENTITY_TOKEN_FILE: token,
    IDENTITY_TRUST_ANCHORS: pki.caPem,
    IDENTITY_LOCAL_NAME: host === client ? pki.client.name : pki.server.name,
    INBOUND_DEFAULT_POLICY: "all-unauthenticated",
    ...env,
  };
  const name = host === client ? "out" : "in";
  const profiling =
    profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${name}.cpuprofile`];
  const argv = [process.execPath, "--smol", ...profiling, join(repository, "src/cli/main.ts"), "proxy"];
  return start(`proxy of ${host.namespace}`, argv, {
    namespace: host.namespace,
    uid: proxyUid,
    cwd: repository,
    env: Object.fromEntries(Object.entries(settings).map(([name, value]) => [`LINKERD2_PROXY_${name}`, value])),
  });
}

async function createHosts(): Promise<void> {
  for (const { namespace } of [client, server]) {
    await run(["ip", "netns", "add", namespace]);
    await run(["ip", "-n", namespace, "link", "set", "lo", "up"]);
  }
  const ends = [
    client.link,
    "netns",
    client.namespace,
    "type",
    "veth",
    "peer",
    "name",
    server.link,
    "netns",
    server.namespace,
  ];
  await run(["ip", "link", "add", ...ends]);
  await run(["ip", "-n", client.namespace, "addr", "add", `${client.ip}/24`, "dev", client.link]);
  for (const ip of [server.ip, server.bareIp]) {
    await run(["ip", "-n", server.namespace, "addr", "add", `${ip}/24`, "dev", server.link]);
  }
  for (const { namespace, link } of [client, server]) await run(["ip", "-n", namespace, "link", "set", link, "up"]);
  await redirect(
    client.namespace,
    `type nat hook output priority -100; meta skuid ${proxyUid} return`,
    server.ip,
    ports.outbound,
  );
  await redirect(server.namespace, "type nat hook prerouting priority -100", server.bareIp, ports.inbound);
}

async function redirect(namespace: string, chain: string, ip: string, port: number): Promise<void> {
  const rule = `ip daddr ${ip} tcp dport { ${appPorts.join(", ")} } redirect to :${port}`;
  await run(["nft", `table inet lsuite {\nchain mesh {\n${chain}; ${rule}\n}\n}`], namespace);
}

/** Removes the hosts of this process, and of those that are gone, with whatever still runs in them. */
async function removeHosts(): Promise<void> {
  const existing = await run(["ip", "netns", "list"]);
  for (const [namespace, owner] of existing.matchAll(/^lsuite-(?:client|server)-(\d+)/gm)) {
    if (Number(owner) !== process.pid && existsSync(`/proc/${owner}`)) continue;
    for (const pid of (await run(["ip", "netns", "pids", namespace])).split("\n").filter((line) => line !== "")) {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // It ended by itself meanwhile.
      }
    }
    await run(["ip", "netns", "del", namespace]);
  }
}
