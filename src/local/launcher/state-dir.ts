/** The folder that a local cluster keeps on the host: who runs it, its kubeconfig, logs and, when asked, its state. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MeshError } from "#lib/errors.ts";

/** One cluster's folder. */
export interface StateDir {
  readonly path: string;
  readonly kubeconfig: string;
  readonly pidFile: string;
  /** Output of the cluster's own process. */
  readonly logFile: string;
  /** Container logs. */
  readonly pods: string;
  /** What survives `down` when `--persist` was given. */
  readonly state: string;
}

/** Where clusters live: $XDG_STATE_HOME or ~/.local/state for a user, /var/lib for root. */
export function stateRoot(env: Readonly<Record<string, string | undefined>>, root: boolean): string {
  const explicit = env["LINKERD_LOCAL_STATE"];
  if (explicit !== undefined && explicit !== "") return explicit;
  const xdg = env["XDG_STATE_HOME"];
  if (xdg !== undefined && xdg !== "") return join(xdg, "linkerd-local");
  if (root) return "/var/lib/linkerd-local";
  const home = env["HOME"];
  if (home === undefined || home === "") {
    throw new MeshError("environment", "Neither XDG_STATE_HOME nor HOME is set; set one to a folder you can write to");
  }
  return join(home, ".local/state/linkerd-local");
}

/** Checks a cluster's name, which becomes a folder name. */
export function stateDir(root: string, name: string): StateDir {
  if (!/^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$/.test(name)) {
    throw new MeshError(
      "invalid-argument",
      `Cluster name "${name}" is invalid; use lower-case letters, digits and "-"`,
    );
  }
  const path = join(root, name);
  return {
    path,
    kubeconfig: join(path, "kubeconfig"),
    pidFile: join(path, "pid"),
    logFile: join(path, "cluster.log"),
    pods: join(path, "pods"),
    state: join(path, "state"),
  };
}

/** Start time of a process in clock ticks since boot: with it a process number is unique. Null when it is gone. */
function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

/** The launcher that runs this cluster now, or null: also when its file outlived it. */
export function runningPid(dir: StateDir): number | null {
  let text: string;
  try {
    text = readFileSync(dir.pidFile, "utf8");
  } catch {
    return null;
  }
  const [pid, started] = text.trim().split(" ");
  const number = Number(pid);
  return Number.isInteger(number) && number > 0 && startTime(number) === started ? number : null;
}

/** Claims the folder for this process. Throws "conflict" when another one runs the cluster. Old logs are removed. */
export function claim(dir: StateDir, name: string): void {
  try {
    mkdirSync(dir.path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new MeshError(
      "environment",
      `Creating the state folder "${dir.path}" failed; set LINKERD_LOCAL_STATE to a folder you can write to`,
      { cause },
    );
  }
  const running = runningPid(dir);
  if (running !== null) {
    throw new MeshError(
      "conflict",
      `Local cluster "${name}" is already running (process ${running}); its kubeconfig is ${dir.kubeconfig}`,
    );
  }
  cleanUp(dir);
  const temporary = `${dir.pidFile}.new`;
  writeFileSync(temporary, `${process.pid} ${startTime(process.pid) ?? ""}\n`);
  renameSync(temporary, dir.pidFile);
}

/** Removes everything that says a cluster runs. Persisted state and the cluster's log stay. */
export function cleanUp(dir: StateDir): void {
  rmSync(dir.pidFile, { force: true });
  rmSync(dir.kubeconfig, { force: true });
  rmSync(dir.pods, { recursive: true, force: true });
}
