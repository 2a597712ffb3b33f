/** Processes of a bench: started in a network namespace, watched through /proc, ended with the run. */
import { readdirSync, readFileSync } from "node:fs";

export interface Started {
  /** Of the program itself. */
  readonly pid: number;
  readonly name: string;
  stop(): Promise<void>;
  /** What it printed so far, for messages when it failed. */
  output(): string;
}

export interface StartOptions {
  readonly namespace: string;
  /** Runs as this user; rules let the proxy's own traffic pass by it. Default root. */
  readonly uid?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** What runs now, so that it can be ended whatever happens. */
const running = new Set<Bun.Subprocess>();

/** Ends all that was started and has not ended, at once. */
export function killAll(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** Starts a program in a namespace. It must not fork into the background. */
export function start(name: string, argv: readonly string[], options: StartOptions): Started {
  const user =
    options.uid === undefined
      ? []
      : [`--reuid=${options.uid}`, `--regid=${options.uid}`, "--clear-groups", "--no-new-privs"];
  // nsenter and setpriv replace themselves, so that the child's pid is the program's.
  // They die with the bench, even when it is killed.
  const enter = ["nsenter", `--net=/run/netns/${options.namespace}`, "setpriv", "--pdeathsig=KILL", ...user];
  const child = Bun.spawn([...enter, ...argv], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  running.add(child);
  void child.exited.then(() => running.delete(child));
  let text = "";
  const collect = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) text = (text + decoder.decode(chunk)).slice(-20_000);
  };
  void collect(child.stdout);
  void collect(child.stderr);
  return {
    pid: child.pid,
    name,
    output: () => text,
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 3000);
      await child.exited;
      clearTimeout(timer);
    },
  };
}

/** Runs a program in a namespace to its end and gives its output; throws when it fails. */
export async function run(argv: readonly string[], namespace?: string): Promise<string> {
  const inside = namespace === undefined ? [] : ["nsenter", `--net=/run/netns/${namespace}`];
  const child = Bun.spawn([...inside, ...argv], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  running.add(child);
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  running.delete(child);
  if (code !== 0) throw new Error(`${argv.join(" ")} failed with ${code}: ${err.trim() || out.trim()}`);
  return out;
}

/** The process and all its descendants. */
export function family(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const child = Number(name);
    if (!Number.isInteger(child)) continue;
    const parent = statOf(child)?.parent;
    if (parent === undefined) continue;
    const list = children.get(parent);
    if (list === undefined) children.set(parent, [child]);
    else list.push(child);
  }
  const all = [pid];
  for (let i = 0; i < all.length; i++) all.push(...(children.get(all[i]!) ?? []));
  return all;
}

function statOf(pid: number): { readonly parent: number; readonly ticks: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return null; // it ended meanwhile
  }
}

/** CPU time of the process and its descendants in seconds; all threads, user and system. The kernel counts in 10 ms. */
export function cpuSeconds(pid: number): number {
  return family(pid).reduce((sum, member) => sum + (statOf(member)?.ticks ?? 0), 0) / 100;
}

/** Private memory in KiB: pages that belong to nobody else and to no file. */
export function anonymousKib(pid: number): number {
  return family(pid).reduce((sum, member) => {
    try {
      const text = readFileSync(`/proc/${member}/smaps_rollup`, "latin1");
      return sum + Number(/^Anonymous:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0);
    } catch {
      return sum;
    }
  }, 0);
}

/** Waits until the TCP port accepts connections. */
export async function waitForPort(namespace: string, port: number, owner: Started): Promise<void> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  for (const end = performance.now() + 30_000; performance.now() < end;) {
    const tables = await run(["cat", "/proc/net/tcp", "/proc/net/tcp6"], namespace);
    if (new RegExp(`:${hex} [0-9A-F]+:0000 0A `).test(tables)) return;
    await Bun.sleep(50);
  }
  throw new Error(`${owner.name} does not listen on port ${port} after 30 s:\n${owner.output()}`);
}
