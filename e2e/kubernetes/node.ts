/**
 * Starts and stops the cluster. The node is one tree of processes in namespaces of its own, linked to this machine by one
 * veth pair; stopping it means killing its first process, which ends the rest, its mounts, rules and links.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, rmdirSync, statSync, writeFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { MeshError } from "#lib/errors.ts";
import { writePauseImage, writeToolboxImage } from "./archive.ts";
import { builtProgram } from "./build.ts";
import { writeCertificates } from "./certificates.ts";
import { command } from "./command.ts";
import { dnsObjects, nodeSettings, pauseImage } from "./node-settings.ts";
import { network, runFolder, runPaths, sources } from "./settings.ts";

const firstProcess = join(sources, "node-init.sh");

export const toolboxImage = "linkerd.local/toolbox:v1";

export type Runner = "kubelet" | "local";

/** Components that can be stopped for a while. */
export type Component = "etcd" | "apiserver" | "controller-manager" | "scheduler" | "proxy" | "kubelet" | "coredns";

/** Pid of the running node's first process; null when no node runs. */
export function nodePid(): number | null {
  try {
    const pid = Number(readFileSync(runPaths.pid, "utf8"));
    return isFirstProcess(pid) ? pid : null;
  } catch {
    return null; // No file or no process: no node.
  }
}

/**
 * Whether the script runs as `pid` already. Its path alone doesn't tell: until the kernel has replaced it, the child of unshare
 * shows unshare's own arguments, which end with the same path, and in the moment of the replacement none at all.
 */
function isFirstProcess(pid: number): boolean {
  return isScript(readFileSync(`/proc/${pid}/cmdline`, "utf8"), firstProcess);
}

/** Whether `cmdline` (arguments, each ended by NUL; proc(5)) is that of an interpreter that runs the script and was given no more. */
export function isScript(cmdline: string, script: string): boolean {
  const [, first, ...rest] = cmdline.split("\0");
  return first === script && rest.join("") === "";
}

/**
 * Takes the machine's one cluster for the process `owner`. Waits while another living process has it; what a dead one left
 * is removed.
 */
async function claim(owner: number, note: (text: string) => void): Promise<void> {
  const deadline = performance.now() + claimLimit;
  for (let said = false; ;) {
    try {
      mkdirSync(runFolder, { mode: 0o711 });
      writeFileSync(runPaths.owner, String(owner));
      return;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const other = currentOwner();
    // A claim of this moment writes its owner a moment later.
    if (other === null && Date.now() - (statSync(runFolder, { throwIfNoEntry: false })?.mtimeMs ?? 0) > 2000) {
      await down();
      continue;
    }
    if (performance.now() > deadline) {
      throw new MeshError(
        "conflict",
        `The machine's test cluster belongs to process ${other} still; take it down with: sh scripts/bun e2e/kubernetes/main.ts down`,
      );
    }
    if (!said && other !== null) note(`waiting for process ${other}, which has the machine's test cluster`);
    said ||= other !== null;
    await Bun.sleep(500);
  }
}

/** How long another run may keep the cluster, ms. */
const claimLimit = 10 * 60_000;

/** The living process that the cluster belongs to. */
function currentOwner(): number | null {
  try {
    const pid = Number(readFileSync(runPaths.owner, "utf8"));
    process.kill(pid, 0);
    return pid;
  } catch {
    return null; // No file or no such process.
  }
}

/** Leaves the cluster up after this process: it belongs to its own first process then. */
export function release(): void {
  writeFileSync(runPaths.owner, String(nodePid()));
}

/** Brings a fresh cluster up for this process: the node is ready, names resolve and the images are in. */
export async function up(options: {
  /** Archives to import besides the pause and toolbox images. */
  readonly images: readonly string[];
  readonly note: (text: string) => void;
  /** Who runs pods: kubelet and containerd, or `linkerd local node`, as processes of this machine. Default "kubelet". */
  readonly runner?: Runner;
}): Promise<void> {
  const { note, runner = "kubelet" } = options;
  if (process.getuid?.() !== 0) throw new MeshError("environment", "A Kubernetes node needs root on this machine");
  const containers = ["containerd", "runc", "iptables", "conntrack", "busybox"];
  const needed = ["curl", "openssl", "ip", "unshare", ...(runner === "kubelet" ? containers : ["nft"])];
  const missing = needed.filter((name) => Bun.which(name) === null);
  if (missing.length > 0 || (runner === "kubelet" && !existsSync("/usr/lib/cni/bridge"))) {
    throw new MeshError(
      "environment",
      `Programs of a Kubernetes node are not installed (${missing.join(", ") || "CNI plugins"}); ` +
        "apt-get install containerd runc containernetworking-plugins conntrack iptables busybox-static curl openssl",
    );
  }
  const kube = await builtProgram("kube", note);
  const coredns = runner === "kubelet" ? await builtProgram("coredns", note) : "";
  await claim(process.pid, note);
  try {
    await start(options, kube, coredns);
  } catch (error) {
    // Nobody else could start one while this process lives; the reason is in the error, with the ends of the logs.
    const logs = lastLogLines();
    await down();
    throw new MeshError("environment", `Starting the cluster failed; its logs end with:\n${logs}`, { cause: error });
  }
}

async function start(options: Parameters<typeof up>[0], kube: string, coredns: string): Promise<void> {
  const { note, runner = "kubelet" } = options;
  const start = performance.now();
  const since = (): string => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  for (const folder of [runPaths.logs, join(runFolder, "bin"), join(runFolder, "images")]) {
    mkdirSync(folder, { recursive: true });
  }
  await writeCertificates();
  for (const [name, text] of Object.entries(nodeSettings())) {
    const path = join(runPaths.settings, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  writeFileSync(kubectlPath, `#!/bin/sh\nexec ${kube} kubectl "$@"\n`, { mode: 0o755 });
  await startFirstProcess(kube, coredns, runner);
  await Promise.all([runner === "kubelet" ? importImages(options.images) : null, apiReady()]);
  note(`the API server answers and images are in after ${since()}`);
  const node = runner === "kubelet" ? network.node : "local";
  if (runner === "kubelet") {
    await kubectl(["create", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items: dnsObjects() }));
  }
  await kubectl(["wait", `node/${node}`, "--for=create", "--timeout=60s"]);
  await kubectl(["wait", `node/${node}`, "--for=condition=Ready", "--timeout=60s"]);
  await kubectl(["wait", "serviceaccount/default", "--for=create", "--timeout=60s"]);
  if (runner === "local") {
    note(`the node is ready after ${since()}`);
    return;
  }
  await until("CoreDNS", async () => {
    await command(["nsenter", "-t", String(nodePid()), "-n", "curl", "-sf", "http://127.0.0.1:8181/ready"]);
  });
  note(`the node is ready after ${since()}`);
}

async function startFirstProcess(kube: string, coredns: string, runner: Runner): Promise<void> {
  const log = Bun.file(join(runPaths.logs, "node-init.log"));
  const parent = Bun.spawn(
    [
      ...["unshare", "--pid", "--fork", "--mount-proc", "--mount", "--net", "--uts", "--ipc", "--kill-child=SIGKILL"],
      firstProcess,
    ],
    {
      stdin: "ignore",
      stdout: log,
      stderr: log,
      detached: true,
      env: {
        PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
        KUBE: kube,
        COREDNS: coredns,
        RUNNER: runner,
        LINKERD: join(sources, "../../linkerd"),
        RUN: runFolder,
        NODE: network.node,
        NODE_IP: network.nodeIp,
        NODE_CIDR_BITS: network.nodeCidr.split("/")[1] ?? "24",
        SERVICE_CIDR: network.serviceCidr,
      },
    },
  );
  parent.unref();
  const children = `/proc/${parent.pid}/task/${parent.pid}/children`;
  await until("the node's first process", async () => {
    const pid = Number(readFileSync(children, "utf8").trim());
    if (pid === 0 || !isFirstProcess(pid)) throw new Error("not yet");
    writeFileSync(runPaths.pid, String(pid));
  });
  // The far end lives and dies with the node's network namespace, and this end with the far end.
  const pid = nodePid();
  if (pid === null)
    throw new MeshError("environment", `The node's first process ended at once; its log is ${log.name}`);
  await command(["ip", "link", "add", network.link, "type", "veth", "peer", "name", "eth0", "netns", `${pid}`]);
  await command(["ip", "address", "add", `${network.host}/${network.nodeCidr.split("/")[1]}`, "dev", network.link]);
  await command(["ip", "link", "set", network.link, "up"]);
}

async function apiReady(): Promise<void> {
  await until("the API server", async () => {
    await kubectl(["get", "--raw", "/readyz"]);
  });
}

async function importImages(given: readonly string[]): Promise<void> {
  const pause = join(runFolder, "images/pause.tar");
  const toolbox = join(runFolder, "images/toolbox.tar");
  await Promise.all([writePauseImage(pause, pauseImage), writeToolboxImage(toolbox, toolboxImage)]);
  await until("containerd", async () => {
    await command(["ctr", "-a", runPaths.socket, "version"]);
  });
  for (const path of [pause, toolbox, ...given]) await importImage(path);
}

/** Gives the running node the images of an archive (docker-archive or OCI layout, as tar). */
export async function importImage(path: string): Promise<void> {
  await command(["ctr", "-a", runPaths.socket, "-n", "k8s.io", "images", "import", path]);
}

/** Wrapper of the built kubectl, for scripts that type its name; exists while a cluster is up. */
export const kubectlPath = join(runFolder, "bin/kubectl");

export async function kubectl(args: readonly string[], input = ""): Promise<string> {
  return command([kubectlPath, `--kubeconfig=${runPaths.kubeconfig}`, ...args], { input });
}

/** Kills a component of the node and keeps it stopped until the returned function is called. */
export function holdDown(component: Component): () => void {
  const hold = join(runPaths.hold, component);
  writeFileSync(hold, "");
  const pid = readFileSync(join(runFolder, "pids", component), "utf8").trim();
  const killed = Bun.spawnSync(["nsenter", "-t", String(nodePid()), "-p", "-m", "kill", "-9", pid]);
  if (killed.exitCode !== 0)
    throw new MeshError("environment", `Killing ${component} failed: ${killed.stderr.toString()}`);
  return () => rmSync(hold, { force: true });
}

/** The end of each component's log. */
function lastLogLines(): string {
  const lines = readdirSync(runPaths.logs).flatMap((name) => {
    const text = readFileSync(join(runPaths.logs, name), "utf8").trimEnd().split("\n").slice(-3);
    return text.map((line) => `${name}: ${line.slice(0, 300)}`);
  });
  return lines.join("\n");
}

/** Files below /etc and /opt that are there for this node only: what programs and pods put there since it started. */
export function nodeFiles(): string[] {
  const over = `/proc/${nodePid()}/root${runPaths.state}/over`;
  return readdirSync(over, { recursive: true, encoding: "utf8" }).toSorted();
}

/** Ends the cluster, if there is one, and removes all traces: processes, mounts, links, cgroups, files. */
export async function down(): Promise<void> {
  const pid = nodePid();
  if (pid !== null) {
    process.kill(pid, "SIGKILL");
    await until("the node's end", async () => {
      if (existsSync(`/proc/${pid}`)) throw new Error("still there");
    });
  }
  await until("the end of the pods' cgroups", async () => removeCgroups());
  // The kernel takes a network namespace apart in its own time, and the next node needs the link's name.
  if (existsSync(`/sys/class/net/${network.link}`)) await command(["ip", "link", "del", network.link]).catch(() => "");
  rmSync(runFolder, { recursive: true, force: true });
}

/** Pods' cgroups outlive their processes. */
function removeCgroups(): void {
  const root = "/sys/fs/cgroup";
  const tops = [root, ...readdirSync(root).map((name) => join(root, name))].map((folder) => join(folder, "kubepods"));
  const remove = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) remove(join(folder, entry.name));
    }
    rmdirSync(folder);
  };
  for (const top of tops) if (existsSync(top)) remove(top);
}

/** Tries again until it does not throw; gives its last reason after 60 s. */
async function until(what: string, probe: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      await probe();
      return;
    } catch (cause) {
      if (performance.now() > deadline) {
        throw new MeshError("timeout", `Waiting for ${what} failed; logs are in ${runPaths.logs}`, { cause });
      }
    }
    await Bun.sleep(100);
  }
}
