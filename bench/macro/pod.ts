/** Our proxy as a pod starts it: the command line, the user and the variables of an injected container, and a control plane of its own. */
import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { ControlPlaneSettings } from "./control-plane.ts";
import type { Pki } from "./pki.ts";
import type { Ports } from "./ports.ts";
import { run, start, waitForPort, type Started } from "./process.ts";
import { proxyUid } from "./world.ts";

export const repository = resolve(import.meta.dir, "../..");

export interface Pod {
  readonly namespace: string;
  /** Tells it from others of the same folder, in names of files and in messages. */
  readonly name: string;
  /** Where files go; its user must be able to read there. */
  readonly folder: string;
  readonly ports: Ports;
  readonly pki: Pki;
  /** The name in its certificate. */
  readonly identity: string;
  readonly ips: readonly string[];
  /** More settings of the proxy, without LINKERD2_PROXY_. */
  readonly env?: Readonly<Record<string, string>>;
}

/** `linkerd` from the sources; `profile`: a folder for a CPU profile of that name when it ends. */
export function fromSources(profile: { readonly folder: string; readonly name: string } | null): string[] {
  const profiling =
    profile === null
      ? []
      : ["--cpu-prof", `--cpu-prof-dir=${profile.folder}`, `--cpu-prof-name=${profile.name}.cpuprofile`];
  return [process.execPath, "--smol", ...profiling, join(repository, "src/cli/main.ts")];
}

/** A control plane on the pod's loopback address that answers for these Services; resolves when it listens. */
export async function startControlPlane(pod: Pod, services: ControlPlaneSettings["services"]): Promise<Started> {
  const { pki, ports, namespace } = pod;
  const settings: ControlPlaneSettings = {
    port: ports.control,
    anchor: pki.caPem,
    key: pki.authority.key.privateKeyPem,
    services,
  };
  const path = join(pod.folder, `control-${pod.name}.json`);
  writeFileSync(path, JSON.stringify(settings), { mode: 0o600 });
  const argv = [process.execPath, "--smol", join(import.meta.dir, "control-plane.ts"), path];
  const control = start(`control plane of ${pod.name}`, argv, { namespace, cwd: repository });
  await waitForPort(namespace, ports.control, control);
  return control;
}

/** @param program `linkerd` and what comes before its arguments */
export function startProxy(pod: Pod, program: readonly string[]): Started {
  const { folder, ports, pki, namespace } = pod;
  const dir = join(folder, `identity-${pod.name}`);
  mkdirSync(dir, { recursive: true });
  chownSync(dir, proxyUid, proxyUid);
  const token = join(folder, "token");
  writeFileSync(token, "token");
  const addr = `localhost.:${ports.control}`;
  const settings = {
    LOG: "warn,linkerd=info",
    INBOUND_LISTEN_ADDR: `0.0.0.0:${ports.inbound}`,
    INBOUND_IPS: pod.ips.join(","),
    OUTBOUND_LISTEN_ADDR: `127.0.0.1:${ports.outbound}`,
    ADMIN_LISTEN_ADDR: `127.0.0.1:${ports.admin}`,
    DESTINATION_SVC_ADDR: addr,
    POLICY_SVC_ADDR: addr,
    IDENTITY_SVC_ADDR: addr,
    IDENTITY_DIR: dir,
    IDENTITY_TOKEN_FILE: token,
    IDENTITY_TRUST_ANCHORS: pki.caPem,
    IDENTITY_LOCAL_NAME: pod.identity,
    INBOUND_DEFAULT_POLICY: "all-unauthenticated",
    ...pod.env,
  };
  return start(`proxy of ${pod.name}`, [...program, "proxy"], {
    namespace,
    uid: proxyUid,
    cwd: repository,
    env: Object.fromEntries(Object.entries(settings).map(([name, value]) => [`LINKERD2_PROXY_${name}`, value])),
  });
}

/** What the proxy's admin port answers to a path, and how long that took, ms; status 0 when it does not answer within 10 s. */
export async function askAdmin(
  { namespace, ports }: Pick<Pod, "namespace" | "ports">,
  path: string,
): Promise<{ readonly status: number; readonly body: string; readonly took: number }> {
  const url = `http://127.0.0.1:${ports.admin}${path}`;
  const curl = ["curl", "-s", "-m", "10", "-w", "\n%{http_code} %{time_total}", url];
  const text = await run(curl, namespace).catch(() => "\n0 10");
  const at = text.lastIndexOf("\n");
  const [status = "0", seconds = "10"] = text.slice(at + 1).split(" ");
  return { status: Number(status), body: text.slice(0, at), took: Number(seconds) * 1000 };
}

export async function waitUntilReady(pod: Pod, proxy: Started): Promise<void> {
  const end = performance.now() + 30_000;
  while ((await askAdmin(pod, "/ready")).status !== 200) {
    if (performance.now() > end) throw new Error(`${proxy.name} is not ready after 30 s:\n${proxy.output()}`);
    await Bun.sleep(50);
  }
}
