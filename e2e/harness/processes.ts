/** Processes of a cluster's node and what they hold in memory, from /proc of this machine. */
import { readdirSync, readFileSync } from "node:fs";

export interface NodeProcess {
  readonly pid: number;
  readonly argv: readonly string[];
  /** The pod that it runs in (a container's HOSTNAME); "" outside of pods. */
  readonly pod: string;
  /** Proportional set size in bytes: pages that several processes share count once in a sum. */
  readonly pss: number;
  /** Private bytes that no file backs. */
  readonly anonymous: number;
}

/** `root` and every process below it. Those that end meanwhile are left out. */
export function processesBelow(root: number): NodeProcess[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!(pid > 0)) continue;
    const parent = read(`/proc/${pid}/stat`)?.replace(/^.*\) \S+ /s, "");
    if (parent !== undefined) parents.set(pid, Number.parseInt(parent, 10));
  }
  const below = (pid: number): boolean => {
    for (let at = pid; at > 1; at = parents.get(at) ?? 0) if (at === root) return true;
    return false;
  };
  const found: NodeProcess[] = [];
  for (const pid of parents.keys()) {
    if (!below(pid)) continue;
    const argv = read(`/proc/${pid}/cmdline`)
      ?.split("\0")
      .filter((word) => word !== "");
    const rollup = read(`/proc/${pid}/smaps_rollup`);
    if (argv === undefined || argv.length === 0 || rollup === undefined) continue;
    const bytes = (field: string): number =>
      Number(new RegExp(`^${field}: *(\\d+) kB`, "m").exec(rollup)?.[1] ?? 0) * 1024;
    const pod = /(?:^|\0)HOSTNAME=([^\0]*)/.exec(read(`/proc/${pid}/environ`) ?? "")?.[1] ?? "";
    found.push({ pid, argv, pod, pss: bytes("Pss"), anonymous: bytes("Pss_Anon") });
  }
  return found;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // The process ended, or it is a kernel thread without an image.
  }
}
