/**
 * One run of a container: a process tree in its own mount, process, IPC and host name namespaces and in its pod's
 * network namespace. `nsenter` enters the network, `unshare` makes the rest and stays as parent; a shell builds the file
 * tree, and `setpriv` gives up rights right before the program starts.
 */
import { closeSync, openSync, readFileSync } from "node:fs";
import { MeshError } from "#lib/errors.ts";
import type { Mode } from "../launcher/capability.ts";
import type { Container, Pod } from "../types.ts";
import { withHiddenCommand } from "./hidden-command.ts";
import type { LogFile } from "./log-file.ts";

/** Who the program runs as. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** Lower-case capability names without "cap_". */
  readonly capabilities: readonly string[];
  /** Those that a program of another user than root gets too. */
  readonly ambient: readonly string[];
  readonly noNewPrivileges: boolean;
}

export interface ProcessOptions {
  /** Network namespace, or null for the node's. */
  readonly netns: string | null;
  readonly hostname: string;
  /** Folder that becomes "/". */
  readonly root: string;
  /** Mounts to make under it, a file in fstab form. */
  readonly fstab: string;
  readonly readOnlyRoot: boolean;
  readonly workingDirectory: string;
  readonly argv: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly credentials: Credentials;
  readonly mode: Mode;
  readonly log: LogFile;
}

export interface Exit {
  readonly code: number;
  /** Signal number, 0 for none. */
  readonly signal: number;
}

/** What container runtimes leave to root. */
const rootCapabilities = [
  "chown",
  "dac_override",
  "fsetid",
  "fowner",
  "mknod",
  "net_raw",
  "setgid",
  "setuid",
  "setfcap",
  "setpcap",
  "net_bind_service",
  "sys_chroot",
  "kill",
  "audit_write",
];
const allCapabilities = "all";

/** Environment variable that tells a proxy to mark its sockets, where it can't have a user of its own. */
export const socketMark: readonly [name: string, value: string] = ["LINKERD2_PROXY_SOCKET_MARK", String(0x539)];

/** Works out user, groups and capabilities. Throws "invalid-argument" when the pod forbids root and asks for it. */
export function credentialsOf(pod: Pod, container: Container, mode: Mode, isProxy: boolean): Credentials {
  const forPod = pod.spec.securityContext ?? {};
  const own = container.securityContext ?? {};
  const uid = own.runAsUser ?? forPod.runAsUser ?? 0;
  const gid = own.runAsGroup ?? forPod.runAsGroup ?? 0;
  if ((own.runAsNonRoot ?? forPod.runAsNonRoot) === true && uid === 0) {
    throw new MeshError(
      "invalid-argument",
      `container has runAsNonRoot and would run as root (pod: "${pod.metadata.name}_${pod.metadata.namespace}", container: ${container.name})`,
    );
  }
  const normal = (name: string): string => name.toLowerCase().replace(/^cap_/, "");
  const add = (own.capabilities?.add ?? []).map(normal);
  const drop = (own.capabilities?.drop ?? []).map(normal);
  const base = drop.includes("all") ? [] : rootCapabilities.filter((name) => !drop.includes(name));
  // With one user only, the proxy is told apart by a mark on its sockets, which takes this capability.
  if (mode === "single" && isProxy) add.push("net_raw");
  const capabilities =
    own.privileged === true || add.includes("all") ? [allCapabilities] : [...new Set([...base, ...add])];
  return {
    uid: mode === "single" ? 0 : uid,
    gid: mode === "single" ? 0 : gid,
    groups: [
      ...new Set([...(forPod.fsGroup === undefined ? [] : [forPod.fsGroup]), ...(forPod.supplementalGroups ?? [])]),
    ],
    capabilities,
    ambient: own.privileged === true ? [] : add.filter((name) => name !== "all"),
    noNewPrivileges: own.allowPrivilegeEscalation === false,
  };
}

/** Arguments of `setpriv` for these credentials. */
export function setprivArguments(credentials: Credentials, mode: Mode): string[] {
  const set = (names: readonly string[]): string => ["-all", ...names.map((name) => `+${name}`)].join(",");
  const args: string[] = [];
  if (mode !== "single") {
    args.push(`--reuid=${credentials.uid}`, `--regid=${credentials.gid}`);
    args.push(credentials.groups.length === 0 ? "--clear-groups" : `--groups=${credentials.groups.join(",")}`);
  }
  if (!credentials.capabilities.includes(allCapabilities)) {
    args.push(`--inh-caps=${set(credentials.ambient)}`, `--ambient-caps=${set(credentials.ambient)}`);
    args.push(`--bounding-set=${set(credentials.capabilities)}`);
  }
  if (credentials.noNewPrivileges) args.push("--no-new-privs");
  return args;
}

// $1 host name, $2 root, $3 fstab, $4 "ro" or "rw", $5 working directory; descriptor 3 takes the process number,
// descriptor 4 has the command.
// The shell's first child is the first process of the new process namespace: it builds the tree and becomes the program.
// The shell itself stays to pass on how the program ended, which `unshare --fork` of util-linux 2.38 gets wrong for
// signals. Ports below 1024 are free for every user, as container runtimes have it.
const setup = `
(
  exec 3>&-
  { { hostname "$1" 2>/dev/null || echo "$1" >/proc/sys/kernel/hostname; } &&
    mount --bind "$2" "$2" && mount -a -T "$3" && cd "$2" && pivot_root . .old && umount -l /.old && rmdir /.old &&
    { [ "$4" = rw ] || mount -o remount,bind,ro /; } &&
    { mkdir -p "$5" 2>/dev/null || true; } && cd "$5"; } || exit 125
  { echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start; } 2>/dev/null || true
  . /proc/self/fd/4
) &
echo "$!" >&3
exec 3>&- 4<&- >/dev/null 2>&1
wait "$!"`;

/** Setting the container up failed; the reason is in its log. */
export const setupFailed = 125;

export class ContainerProcess {
  /** Resolves when the last process of the container is gone and its output is read. */
  readonly exited: Promise<Exit>;
  private readonly pidFile: string;
  private first: number | null = null;
  private gone = false;

  constructor(options: ProcessOptions) {
    const enter = options.netns === null ? [] : ["nsenter", `--net=${options.netns}`, "--"];
    this.pidFile = `${options.root}.pid`;
    const pidFd = openSync(this.pidFile, "w");
    const variables = [...options.env].map(([name, value]) => `${name}=${value}`);
    const command = ["setpriv", ...setprivArguments(options.credentials, options.mode), "--", "env", "-i"];
    const child = withHiddenCommand([...command, ...variables, ...options.argv], 4, (fd) =>
      Bun.spawn(
        [
          ...enter,
          ...["unshare", "--mount", "--uts", "--ipc", "--pid", "--propagation", "private"],
          ...["--", "sh", "-c", setup, "sh"],
          ...[options.hostname, options.root, options.fstab, options.readOnlyRoot ? "ro" : "rw"],
          options.workingDirectory,
        ],
        { stdio: ["ignore", "pipe", "pipe", pidFd, fd] },
      ),
    );
    closeSync(pidFd);
    this.exited = this.wait(child, options.log);
  }

  private async wait(
    child: {
      readonly stdout: ReadableStream<Uint8Array>;
      readonly stderr: ReadableStream<Uint8Array>;
      readonly exited: Promise<number>;
    },
    log: LogFile,
  ): Promise<Exit> {
    const reading = Promise.all([copy(child.stdout, "stdout", log), copy(child.stderr, "stderr", log)]);
    const code = await child.exited;
    this.gone = true;
    await reading;
    log.end();
    // The runtime gives 128 + n for a death by signal n, as Kubernetes does.
    return { code, signal: code > 128 && code <= 192 ? code - 128 : 0 };
  }

  /** Process number (in the node's view) of the container's first process; null before it exists and after its end. */
  get pid(): number | null {
    if (this.gone) return null;
    // The file is whole or empty: the shell writes it at once.
    const pid = this.first ?? Number(readFileSync(this.pidFile, "utf8"));
    if (!(pid > 0)) return null;
    this.first = pid;
    return pid;
  }

  /** @returns false when there is nobody to signal. */
  signal(name: NodeJS.Signals): boolean {
    const pid = this.pid;
    if (pid === null) return false;
    try {
      return process.kill(pid, name);
    } catch {
      return false;
    }
  }
}

/** The first child of a process, or null. */
export function firstChild(pid: number): number | null {
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    return child === undefined || child === "" ? null : Number(child);
  } catch {
    return null;
  }
}

async function copy(stream: ReadableStream<Uint8Array>, name: "stdout" | "stderr", log: LogFile): Promise<void> {
  for await (const chunk of stream) log.append(name, chunk);
}
