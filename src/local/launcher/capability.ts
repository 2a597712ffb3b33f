/**
 * What this machine allows, found out by trying it: a sandbox of the wanted kind is made and thrown away.
 * Reading settings instead would be wrong under containers, security modules and seccomp filters.
 */
import { MeshError } from "#lib/errors.ts";

/**
 * Who is who inside the sandbox. "root": the real root, every user exists. "subuid": root of a user namespace with
 * 65,536 users. "single": root of a user namespace with one user; containers can't change user.
 */
export type Mode = "root" | "subuid" | "single";

/** Runs a command to its end and gives what it said. Never throws. */
export type Trial = (argv: readonly string[]) => Promise<{ readonly code: number; readonly output: string }>;

/** Tools by the Debian package that has them. */
const tools: Readonly<Record<string, readonly string[]>> = {
  "util-linux": ["unshare", "nsenter", "setpriv"],
  mount: ["mount", "umount"],
  iproute2: ["ip"],
  nftables: ["nft"],
};

/** Also looked for where a plain user's PATH often doesn't reach. */
export const toolPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface Missing {
  readonly tool: string;
  readonly package: string;
}

/** The tools that are not installed. */
export function missingTools(which: (tool: string) => string | null): Missing[] {
  const missing: Missing[] = [];
  for (const [name, commands] of Object.entries(tools)) {
    for (const tool of commands) if (which(tool) === null) missing.push({ tool, package: name });
  }
  return missing;
}

/** The command that installs packages, for people and for us. */
export function installCommand(packages: readonly string[]): string[] {
  return ["apt-get", "install", "-y", "--no-install-recommends", ...new Set(packages)];
}

/** Arguments of `unshare` for a sandbox of this kind; the command follows. */
export function unshareArguments(mode: Mode): string[] {
  const user = {
    root: [],
    subuid: ["--user", "--map-root-user", "--map-auto"],
    single: ["--user", "--map-root-user"],
  }[mode];
  return [
    ...user,
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--mount-proc",
    "--kill-child=SIGKILL",
    "--propagation",
    "private",
  ];
}

const steps: ReadonlyArray<readonly [name: string, script: string]> = [
  ["the loopback device", "ip link set lo up"],
  ["virtual network devices (veth)", "ip link add v0 type veth peer name v1"],
  [
    "nftables NAT rules",
    `printf 'table inet t {\\n chain c {\\n type nat hook output priority -100;\\n meta l4proto tcp redirect to :1;\\n }\\n}\\n' | nft -f -`,
  ],
  ["mounting a tmpfs", "mount -t tmpfs tmpfs /run && mkdir /run/netns"],
  ["nested network namespaces", "ip netns add p && ip -n p link set lo up"],
  ["nested process namespaces", "unshare --mount --uts --ipc --pid --fork --mount-proc --propagation private true"],
];

function script(): string {
  // Each step names itself first, so that the last name printed is the step that failed.
  return steps.map(([name, code]) => `echo "step: ${name}"; ${code}`).join("\n");
}

async function tryMode(mode: Mode, trial: Trial): Promise<string | null> {
  const user = mode === "subuid" ? "\nsetpriv --reuid=2102 --regid=2102 --clear-groups true" : "";
  const { code, output } = await trial(["unshare", ...unshareArguments(mode), "--", "sh", "-ec", script() + user]);
  if (code === 0) return null;
  const lines = output.trim().split("\n");
  const step = lines.findLast((line) => line.startsWith("step: "))?.slice(6) ?? "making namespaces";
  const said = lines.filter((line) => !line.startsWith("step: ")).join("; ");
  return `${step}: ${said === "" ? `exit code ${code}` : said}`;
}

/** What to type when user namespaces are what is refused. */
function namespaceHint(read: (path: string) => string | null): string {
  if (read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")?.trim() === "1") {
    return "type: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
  }
  if (read("/proc/sys/kernel/unprivileged_userns_clone")?.trim() === "0") {
    return "type: sudo sysctl -w kernel.unprivileged_userns_clone=1";
  }
  if (read("/proc/sys/user/max_user_namespaces")?.trim() === "0")
    return "type: sudo sysctl -w user.max_user_namespaces=15000";
  return "run it as root, or in a container started with --privileged";
}

/** The best mode that works here. Throws "environment" saying what is refused and what to do. */
export async function findMode(options: {
  readonly root: boolean;
  readonly trial: Trial;
  readonly readFile: (path: string) => string | null;
}): Promise<Mode> {
  const order: readonly Mode[] = options.root ? ["root", "subuid", "single"] : ["subuid", "single"];
  let first: string | null = null;
  for (const mode of order) {
    const failure = await tryMode(mode, options.trial);
    if (failure === null) return mode;
    // Without subuid ranges that mode fails for a dull reason; the others' reasons are what to tell.
    if (mode !== "subuid") first ??= failure;
  }
  throw new MeshError(
    "environment",
    `This machine does not permit a local cluster (${first ?? "unknown"}); ${namespaceHint(options.readFile)}`,
  );
}
