/** What `linkerd local …` does on the host. */
import { existsSync, readFileSync, statSync, watch } from "node:fs";
import { MeshError } from "#lib/errors.ts";
import { configuredStateRoot, type LocalCommand } from "../config.ts";
import { startLocalCluster } from "../launcher.ts";
import { findSelf, selfCommand } from "./self.ts";
import { cleanUp, runningPid, stateDir, type StateDir } from "./state-dir.ts";

type HostCommand = Exclude<LocalCommand, { kind: "node" | "remote-node" }>;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** @returns the exit code. */
export async function runCommand(command: HostCommand): Promise<number> {
  const dir = stateDir(configuredStateRoot(), command.name);
  switch (command.kind) {
    case "up":
      return command.detach ? await upDetached(command, dir) : await up(command);
    case "down":
      return await down(command.name, dir);
    case "status":
      return status(command.name, dir);
    case "kubeconfig":
      requireRunning(command.name, dir);
      print(dir.kubeconfig);
      return 0;
    case "logs":
      return await logs(dir, command.follow);
  }
}

function requireRunning(name: string, dir: StateDir): number {
  const pid = runningPid(dir);
  if (pid === null)
    throw new MeshError("unavailable", `Local cluster "${name}" is not running; start it with "linkerd local up"`);
  return pid;
}

async function up(command: HostCommand & { kind: "up" }): Promise<number> {
  const began = performance.now();
  const cluster = await startLocalCluster({
    name: command.name,
    port: command.port,
    persist: command.persist,
    logLevel: command.logLevel,
    onProgress: print,
  });
  print(
    `Local cluster "${command.name}" is up in ${Math.round(performance.now() - began)} ms (API server: https://127.0.0.1:${cluster.port})`,
  );
  print(`export KUBECONFIG=${cluster.kubeconfigPath}`);
  const stop = (): void => void cluster.stop();
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  process.on("SIGHUP", stop);
  if (await cluster.ended) return 0;
  throw new MeshError("unavailable", `The local cluster ended unexpectedly; see ${cluster.logFile}`);
}

/** How long a background start may take, ms. */
const detachTimeout = 90_000;

async function upDetached(command: HostCommand & { kind: "up" }, dir: StateDir): Promise<number> {
  const running = runningPid(dir);
  if (running !== null) {
    throw new MeshError(
      "conflict",
      `Local cluster "${command.name}" is already running (process ${running}); its kubeconfig is ${dir.kubeconfig}`,
    );
  }
  const args = ["local", "up", "--name", command.name, "--port", String(command.port), "--log-level", command.logLevel];
  if (command.persist) args.push("--persist");
  const self = findSelf();
  const child = Bun.spawn(["setsid", ...selfCommand(self, self.root, args)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const reader = child.stdout.getReader();
  const decoder = new TextDecoder();
  const deadline = setTimeout(() => child.kill("SIGKILL"), detachTimeout);
  let said = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done || value === undefined) break;
    const text = decoder.decode(value, { stream: true });
    process.stdout.write(text);
    said += text;
    if (said.includes("export KUBECONFIG=")) {
      clearTimeout(deadline);
      child.unref();
      return 0;
    }
  }
  process.stderr.write(await new Response(child.stderr).text());
  return 1;
}

async function down(name: string, dir: StateDir): Promise<number> {
  const pid = runningPid(dir);
  if (pid === null) {
    cleanUp(dir);
    print(`Local cluster "${name}" is not running`);
    return 0;
  }
  process.kill(pid, "SIGTERM");
  for (let waited = 0; runningPid(dir) === pid; waited += 50) {
    if (waited === 10_000) process.kill(pid, "SIGKILL");
    if (waited > 15_000) throw new MeshError("timeout", `Process ${pid} of the local cluster does not end`);
    await Bun.sleep(50);
  }
  cleanUp(dir);
  print(`Local cluster "${name}" is down`);
  return 0;
}

function status(name: string, dir: StateDir): number {
  const pid = runningPid(dir);
  if (pid === null || !existsSync(dir.kubeconfig)) {
    print(`Local cluster "${name}": ${pid === null ? "not running" : "starting"}`);
    return pid === null ? 1 : 0;
  }
  const server = /server: (\S+)/.exec(readFileSync(dir.kubeconfig, "utf8"))?.[1] ?? "";
  print(`Local cluster "${name}": running`);
  print(`  process     ${pid}`);
  print(`  API server  ${server}`);
  print(`  kubeconfig  ${dir.kubeconfig}`);
  print(`  log         ${dir.logFile}`);
  return 0;
}

async function logs(dir: StateDir, follow: boolean): Promise<number> {
  if (!existsSync(dir.logFile)) throw new MeshError("not-found", `There is no log at ${dir.logFile}`);
  let offset = 0;
  const copy = async (): Promise<void> => {
    const { size } = statSync(dir.logFile);
    if (size < offset) offset = 0;
    if (size > offset) process.stdout.write(await Bun.file(dir.logFile).slice(offset, size).text());
    offset = size;
  };
  await copy();
  if (!follow) return 0;
  const watcher = watch(dir.logFile, () => void copy());
  await new Promise<void>((resolve) => process.once("SIGINT", resolve));
  watcher.close();
  return 0;
}
