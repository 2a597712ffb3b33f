/**
 * A client's host and a server's host on one machine, each with a proxy as a pod has it: real processes, the proxy's user and
 * variables, redirection by the kernel, identities signed by a control plane each.
 *
 *     client ─ redirect ─ proxy (out) ═══ mutual TLS ═══ proxy (in) ─ application
 *     a client without a mesh ────── plaintext, redirect ────┘
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ControlPlaneSettings } from "../../bench/macro/control-plane.ts";
import { joinHosts, ownHost, removeHosts } from "../../bench/macro/hosts.ts";
import { createPki, type Pki } from "../../bench/macro/pki.ts";
import {
  askAdmin,
  fromSources,
  startControlPlane,
  startProxy,
  waitUntilReady,
  type Pod,
} from "../../bench/macro/pod.ts";
import { portsOf } from "../../bench/macro/ports.ts";
import { run, start, waitForPort, type Started } from "../../bench/macro/process.ts";
import { proxyUid } from "../../bench/macro/world.ts";

export const client = { namespace: ownHost("lsuite-client"), ip: "10.202.7.1", link: "lsuite-c" } as const;
export const server = {
  namespace: ownHost("lsuite-server"),
  /** The client's connections to this address go through its proxy. */
  ip: "10.202.7.2",
  /** Those to this one reach the server's proxy in plaintext, as from a pod without a proxy. */
  bareIp: "10.202.7.3",
  link: "lsuite-s",
} as const;

/** Those of a pod. */
const ports = portsOf(0);
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
    await removeHosts("lsuite-client", "lsuite-server");
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await removeHosts("lsuite-client", "lsuite-server");
    await createHosts();
    const pki = createPki(folder);
    // Its certificates are for the proxies' user.
    await run(["chmod", "755", folder]);
    const proxies: Started[] = [];
    const pods = [client, server].map((host): Pod => {
      const { namespace } = host;
      const identity = host === client ? pki.client.name : pki.server.name;
      const ips = host === client ? [client.ip] : [server.ip, server.bareIp];
      return { name: namespace, namespace, folder, ports, pki, identity, ips, env: options.env ?? {} };
    });
    for (const [index, pod] of pods.entries()) {
      started.push(await startControlPlane(pod, services(pki)));
      const { profile } = options;
      const name = index === 0 ? "out" : "in";
      const proxy = startProxy(pod, fromSources(profile === undefined ? null : { folder: profile, name }));
      started.push(proxy);
      proxies.push(proxy);
    }
    const [out, inner] = proxies as [Started, Started];
    const [outPod, innerPod] = pods as [Pod, Pod];
    const ask: Pair["ask"] = (side, path) => askAdmin(side === "out" ? outPod : innerPod, path);
    for (const [index, pod] of pods.entries()) await waitUntilReady(pod, proxies[index]!);
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

function services(pki: Pki): ControlPlaneSettings["services"] {
  return appPorts.map((port) => ({
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
  }));
}

async function createHosts(): Promise<void> {
  await joinHosts({ ...client, ips: [client.ip] }, { ...server, ips: [server.ip, server.bareIp] });
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
