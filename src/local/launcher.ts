/**
 * Host side of `linkerd local`: opens the one port on 127.0.0.1, makes the sandbox and keeps it alive.
 *
 * The sandbox (network, mount and process namespaces) ends with this process, whatever ends it: its standard input
 * closes, and the kernel is asked to kill it with its parent. The host's network, mounts and rules are never touched.
 */
import type { FileSink } from "bun";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { asMeshError, MeshError } from "#lib/errors.ts";
import {
  findMode,
  installCommand,
  missingTools,
  toolPath,
  unshareArguments,
  type Mode,
  type Trial,
} from "./launcher/capability.ts";
import { decodeMessage, LineReader, type NodeSettings } from "./launcher/protocol.ts";
import { findSelf, requireRunnable, selfCommand } from "./launcher/self.ts";
import { claim, cleanUp, stateDir, stateRoot } from "./launcher/state-dir.ts";

export interface LocalClusterOptions {
  /** Default "default". Clusters of different names run side by side. */
  readonly name?: string;
  /** Port of the API server on 127.0.0.1; default 0: any free one. */
  readonly port?: number;
  /** Keep the cluster's objects for the next start; default false. */
  readonly persist?: boolean;
  /** Folder that holds one folder per cluster; default: see `stateRoot`. */
  readonly stateRoot?: string;
  /** Log filter of the cluster's own log file; default "info". */
  readonly logLevel?: string;
  /** Use this mode instead of the best one. For tests. */
  readonly mode?: Mode;
  /** Told what happens, one line at a time. */
  readonly onProgress?: (text: string) => void;
  /** May missing tools be installed (as root, with apt-get)? Default true. */
  readonly installTools?: boolean;
}

export interface LocalCluster {
  readonly kubeconfigPath: string;
  readonly port: number;
  readonly mode: Mode;
  /** Output of the cluster's own process. */
  readonly logFile: string;
  /** Resolves when the cluster has ended, whatever the reason; true when it was asked to. */
  readonly ended: Promise<boolean>;
  /** Stops all pods and removes everything. At most 10 s. */
  stop(): Promise<void>;
}

/** How long a cluster may take to answer, ms. */
const startTimeout = 60_000;
/** How long an orderly end may take, ms. */
const stopTimeout = 8_000;

function environment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env[name] = value;
  env["PATH"] = `${env["PATH"] ?? ""}:${toolPath}`;
  return env;
}

const trial: Trial = async (argv) => {
  const child = Bun.spawn([...argv], { stdin: "ignore", stdout: "pipe", stderr: "pipe", env: environment() });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, output: out + err };
};

function readFile(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** Installs what is missing where that is possible; else says what to type. */
async function ensureTools(options: LocalClusterOptions, progress: (text: string) => void): Promise<void> {
  const which = (tool: string): string | null => Bun.which(tool, { PATH: environment()["PATH"] ?? toolPath });
  const missing = missingTools(which);
  if (missing.length === 0) return;
  const names = missing.map(({ tool }) => tool).join(", ");
  const command = installCommand(missing.map((entry) => entry.package));
  const root = process.getuid?.() === 0;
  if (options.installTools === false || !root || which("apt-get") === null) {
    const line =
      which("apt-get") === null
        ? `install the packages ${command.slice(4).join(", ")}`
        : `type: ${root ? "" : "sudo "}${command.join(" ")}`;
    throw new MeshError("environment", `Missing tools: ${names}; ${line}`);
  }
  progress(`Installing missing tools (${names}): ${command.join(" ")}`);
  let result = await trial(command);
  if (result.code !== 0) {
    await trial(["apt-get", "update"]);
    result = await trial(command);
  }
  const left = missingTools(which);
  if (left.length > 0) {
    const last = result.output.trim().split("\n").at(-1) ?? "";
    throw new MeshError(
      "environment",
      `Installing ${left.map(({ tool }) => tool).join(", ")} failed: ${last}; type: ${command.join(" ")}`,
    );
  }
}

/** A listening socket on the host's loopback, to be handed to the sandbox. */
function openPort(port: number): { readonly port: number; readonly fd: number; close(): void } {
  try {
    const listener = Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
    // Undocumented but stable in the pinned runtime: the descriptor of the listening socket.
    const fd = Reflect.get(listener, "fd");
    if (typeof fd !== "number" || fd < 0) throw new MeshError("internal", "The listening socket has no descriptor");
    return { port: listener.port, fd, close: () => listener.stop(true) };
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    throw new MeshError(
      "address-in-use",
      `Listening on 127.0.0.1:${port} failed: the port is taken; choose another with --port, or leave it out`,
      { cause },
    );
  }
}

/** Starts a cluster and resolves when its API server answers. Rejects with nothing left behind. */
export async function startLocalCluster(options: LocalClusterOptions = {}): Promise<LocalCluster> {
  const progress = options.onProgress ?? (() => {});
  const name = options.name ?? "default";
  const root = process.getuid?.() === 0;
  const dir = stateDir(options.stateRoot ?? stateRoot(process.env, root), name);
  if (process.platform !== "linux") {
    throw new MeshError("environment", `A local cluster needs Linux; this is ${process.platform}`);
  }
  requireRunnable(findSelf());
  await ensureTools(options, progress);
  const mode = options.mode ?? (await findMode({ root, trial, readFile }));
  claim(dir, name);
  try {
    return await launch(options, { progress, name, mode, dir });
  } catch (thrown) {
    cleanUp(dir);
    throw asMeshError(thrown, "Starting the local cluster failed");
  }
}

async function launch(
  options: LocalClusterOptions,
  context: { progress: (text: string) => void; name: string; mode: Mode; dir: ReturnType<typeof stateDir> },
): Promise<LocalCluster> {
  const { progress, name, mode, dir } = context;
  mkdirSync(dir.pods, { recursive: true, mode: 0o755 });
  if (options.persist === true) mkdirSync(dir.state, { recursive: true, mode: 0o700 });
  const listener = openPort(options.port ?? 0);
  const logFd = openSync(dir.logFile, "w");
  const self = findSelf();
  let stopping = false;
  const child = Bun.spawn(
    // The shell is the sandbox's first process: it reaps the orphans that containers leave.
    [
      "setpriv",
      "--pdeathsig",
      "KILL",
      "unshare",
      ...unshareArguments(mode),
      "--",
      "sh",
      "-c",
      '"$@"; exit $?',
      "sh",
    ].concat(selfCommand(self, self.root, ["local", "_node"])),
    { stdio: ["pipe", "pipe", logFd, listener.fd], env: environment() },
  );
  listener.close();
  closeSync(logFd);
  const settings: NodeSettings = {
    name,
    mode,
    port: listener.port,
    statePath: dir.path,
    kubeconfig: dir.kubeconfig,
    podLogs: dir.pods,
    persist: options.persist === true ? dir.state : null,
    logLevel: options.logLevel ?? "info",
    clusterDomain: "cluster.local",
  };
  const stdin = child.stdin as FileSink;
  const stdout = child.stdout as ReadableStream<Uint8Array>;
  stdin.write(`${JSON.stringify(settings)}\n`);
  void stdin.flush();

  const ended = child.exited.then(() => {
    cleanUp(dir);
    return stopping;
  });
  const stop = async (): Promise<void> => {
    stopping = true;
    // The writing end may be broken already when the sandbox died.
    await Promise.resolve(stdin.end()).catch(() => 0);
    const timer = setTimeout(() => child.kill("SIGKILL"), stopTimeout);
    await ended;
    clearTimeout(timer);
  };

  const ready = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(
        new MeshError(
          "timeout",
          `The local cluster did not answer within ${startTimeout / 1000} s; see ${dir.logFile}`,
        ),
      );
    }, startTimeout);
    void ended.then(() =>
      reject(
        new MeshError(
          "unavailable",
          `The local cluster ended while starting: ${lastLine(dir.logFile)}; see ${dir.logFile}`,
        ),
      ),
    );
    void readMessages(stdout, (line) => {
      const message = decodeMessage(line);
      if (message?.kind === "progress") progress(message.text);
      else if (message?.kind === "failed") reject(new MeshError("unavailable", message.message));
      else if (message?.kind === "ready") {
        clearTimeout(timer);
        resolve();
      }
    });
  });
  try {
    await ready;
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return { kubeconfigPath: dir.kubeconfig, port: listener.port, mode, logFile: dir.logFile, ended, stop };
}

function lastLine(path: string): string {
  return readFile(path)?.trim().split("\n").at(-1) ?? "it said nothing";
}

async function readMessages(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<void> {
  const lines = new LineReader();
  for await (const chunk of stream) for (const line of lines.push(chunk)) onLine(line);
}
