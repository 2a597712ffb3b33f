/** Our proxy as a pod starts it: the command line, the user and the variables of an injected container. */
import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { ControlPlaneSettings } from "./control-plane.ts";
import { hopOf, type Contender } from "./peers.ts";
import type { Pki } from "./pki.ts";
import type { Feature } from "./policies.ts";
import type { Kind, Ports } from "./ports.ts";
import { run, start, waitForPort, type Started } from "./process.ts";
import { appPort, client, echoPort, grpcPort, http2Port, proxyUid, server } from "./world.ts";

const repository = resolve(import.meta.dir, "../..");

export interface LinkerdOptions {
  /** The compiled executable, which is what users and pods run; null: the sources. */
  readonly executable: string | null;
  /** Writes a CPU profile into that folder when the proxy ends; needs the sources. Null: none. */
  readonly profile: string | null;
  /** How it is called beside others. Default: linkerd. */
  readonly name?: string;
  /** What its control plane tells it. Default: none. */
  readonly features?: readonly Feature[];
  /** More settings of the proxy, without LINKERD2_PROXY_. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Compiles the executable into `folder`; its path. */
export async function compileLinkerd(folder: string): Promise<string> {
  const out = join(folder, "linkerd");
  await run([process.execPath, join(repository, "scripts/executable.ts"), "--out", out]);
  return out;
}

const fromSources: LinkerdOptions = { executable: null, profile: null };

export function linkerd(folder: string, pki: Pki, options: LinkerdOptions = fromSources): Contender {
  return {
    name: options.name ?? "linkerd",
    async start(kind, ports) {
      const pods: Pod[] = [{ side: "out", namespace: client.namespace, identity: pki.client.name }];
      if (kind !== "hop") pods.push({ side: "in", namespace: server.namespace, identity: pki.server.name });
      const started: Started[] = [];
      const helpers: Started[] = [];
      for (const pod of pods) {
        const control = startControlPlane(folder, pki, kind, pod, ports, options);
        helpers.push(control);
        await waitForPort(pod.namespace, ports.control, control);
        started.push(startProxy(folder, pki, kind, pod, ports, options));
      }
      for (const [index, pod] of pods.entries()) await waitUntilReady(pod.namespace, ports.admin, started[index]!);
      const hop = await hopOf(started[0]!, started[1] ?? null, ports);
      return {
        ...hop,
        async stop() {
          await hop.stop();
          for (const helper of helpers) await helper.stop();
        },
      };
    },
  };
}

interface Pod {
  readonly side: "out" | "in";
  readonly namespace: string;
  readonly identity: string;
}

function startControlPlane(
  folder: string,
  pki: Pki,
  kind: Kind,
  { side, namespace }: Pod,
  ports: Ports,
  { features = [] }: LinkerdOptions,
): Started {
  // A meshed endpoint takes connections on its proxy's port with a transport header, as destination controllers say by default.
  const meshed = kind === "hop" ? {} : { identity: pki.server.name, transportPort: ports.inbound };
  const labels = {
    namespace: "bench",
    service: "app",
    deployment: "app",
    serviceaccount: "server",
    pod: "app-57c8f8d9b6-x2x7k",
    pod_template_hash: "57c8f8d9b6",
    control_plane_ns: "linkerd",
    zone: "",
    zone_locality: "unknown",
  };
  const service = (port: number, name: string, opaque: boolean): ControlPlaneSettings["services"][number] => ({
    ip: server.ip,
    port,
    name: `${name}.bench.svc.cluster.local`,
    opaque,
    endpoint: { ip: server.ip, port, labels, ...meshed },
    features,
    client: pki.client.name,
  });
  const settings: ControlPlaneSettings = {
    port: ports.control,
    anchor: pki.caPem,
    key: pki.authority.key.privateKeyPem,
    services: [
      service(appPort, "app", false),
      service(echoPort, "echo", true),
      service(http2Port, "app", false),
      service(grpcPort, "app", false),
    ],
  };
  const path = join(folder, `control-${ports.control}-${side}.json`);
  writeFileSync(path, JSON.stringify(settings), { mode: 0o600 });
  const script = join(import.meta.dir, "control-plane.ts");
  return start(`control plane of ${side}`, [process.execPath, "--smol", script, path], { namespace, cwd: repository });
}

function startProxy(
  folder: string,
  pki: Pki,
  kind: Kind,
  { side, namespace, identity }: Pod,
  ports: Ports,
  { executable, profile, env = {} }: LinkerdOptions,
): Started {
  const dir = join(folder, `identity-${ports.control}-${side}`);
  mkdirSync(dir, { recursive: true });
  chownSync(dir, proxyUid, proxyUid);
  const token = join(folder, "token");
  writeFileSync(token, "token");
  const addr = `localhost.:${ports.control}`;
  const settings = {
    LOG: "warn,linkerd=info",
    INBOUND_LISTEN_ADDR: `0.0.0.0:${ports.inbound}`,
    INBOUND_IPS: side === "out" ? client.ip : server.ip,
    OUTBOUND_LISTEN_ADDR: `127.0.0.1:${ports.outbound}`,
    ADMIN_LISTEN_ADDR: `127.0.0.1:${ports.admin}`,
    DESTINATION_SVC_ADDR: addr,
    POLICY_SVC_ADDR: addr,
    IDENTITY_SVC_ADDR: addr,
    IDENTITY_DIR: dir,
    IDENTITY_TOKEN_FILE: token,
    IDENTITY_TRUST_ANCHORS: pki.caPem,
    IDENTITY_LOCAL_NAME: identity,
    INBOUND_DEFAULT_POLICY: "all-unauthenticated",
    ...env,
  };
  const profiling =
    profile === null ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${kind}-${side}.cpuprofile`];
  const program =
    executable === null
      ? [process.execPath, "--smol", ...profiling, join(repository, "src/cli/main.ts")]
      : [executable];
  return start(`linkerd ${side}`, [...program, "proxy"], {
    namespace,
    uid: proxyUid,
    cwd: repository,
    env: Object.fromEntries(Object.entries(settings).map(([name, value]) => [`LINKERD2_PROXY_${name}`, value])),
  });
}

async function waitUntilReady(namespace: string, port: number, proxy: Started): Promise<void> {
  await waitForPort(namespace, port, proxy);
  for (let i = 0; i < 100; i++) {
    const asked = Bun.spawn(
      [
        "nsenter",
        `--net=/run/netns/${namespace}`,
        "curl",
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        `http://127.0.0.1:${port}/ready`,
      ],
      { stdin: "ignore", stdout: "pipe", stderr: "ignore" },
    );
    if ((await new Response(asked.stdout).text()) === "200") return;
    await Bun.sleep(50);
  }
  throw new Error(`${proxy.name} is not ready after 5 s:\n${proxy.output()}`);
}
