/** The real {@link PodRuntime}: a pod's network, volumes, file trees and processes on this machine. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Clock } from "#lib/clock.ts";
import { errorChain, MeshError } from "#lib/errors.ts";
import type { LocalClient } from "../api/client.ts";
import type { Mode } from "../launcher/capability.ts";
import type { Self } from "../launcher/self.ts";
import { apiServiceIp, dnsIp, nodeIp, type AddressPool } from "../network/addresses.ts";
import { createPodLink, type PodLink } from "../network/pod-link.ts";
import type { Container, Handler, Pod, Probe } from "../types.ts";
import { ContainerProcess, credentialsOf, setupFailed, socketMark } from "./container-process.ts";
import { containerArguments, containerEnvironment, expand, type Capacity, type PodFacts } from "./environment.ts";
import { runInContainer, type ExecTarget } from "./exec.ts";
import { imageName, resolveImage, selfMount } from "./images.ts";
import { LogFile } from "./log-file.ts";
import type { ContainerRun, PodRuntime } from "./pod-runtime.ts";
import { httpProbe, probePort, tcpProbe } from "./probe-run.ts";
import { resolvConf, hostsFile, podHostname } from "./pod-files.ts";
import { applyPlan, nodeTree, planRoot, type RootMount } from "./rootfs.ts";
import { PodVolumes, references } from "./volumes.ts";

/** What all pods of the node share. */
export interface Machine {
  readonly client: LocalClient;
  readonly clock: Clock;
  readonly mode: Mode;
  readonly self: Self;
  readonly capacity: Capacity;
  readonly addresses: AddressPool;
  readonly clusterDomain: string;
  /** Folder for everything that dies with the sandbox. */
  readonly runFolder: string;
  /** Folder for container logs. */
  readonly logFolder: string;
}

type EventSink = (type: "Normal" | "Warning", reason: string, message: string) => void;

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

interface RunDetails {
  readonly process: ContainerProcess;
  readonly env: ReadonlyMap<string, string>;
  readonly target: Omit<ExecTarget, "pid">;
}

export class MachineRuntime implements PodRuntime {
  private readonly machine: Machine;
  private readonly event: EventSink;
  private readonly folder: string;
  private readonly logs: string;
  private readonly volumes: PodVolumes;
  private readonly runs = new WeakMap<ContainerRun, RunDetails>();
  private readonly logFiles = new Map<string, { current: LogFile; previous: LogFile | null }>();
  private link: PodLink | null = null;
  private facts: PodFacts | null = null;

  constructor(pod: Pod, machine: Machine, event: EventSink) {
    this.machine = machine;
    this.event = event;
    this.folder = join(machine.runFolder, pod.metadata.uid);
    this.logs = join(machine.logFolder, `${pod.metadata.namespace}_${pod.metadata.name}_${pod.metadata.uid}`);
    const { client, clock, capacity } = machine;
    this.volumes = new PodVolumes({ folder: join(this.folder, "volumes"), client, clock, capacity });
  }

  /** Path of the pod's network namespace; null: the node's. */
  get netns(): string | null {
    return this.link?.path ?? null;
  }

  async setUp(pod: Pod): Promise<PodFacts> {
    if (this.facts === null) this.facts = await this.makeNetwork(pod);
    await this.volumes.sync(pod, this.facts);
    const files = join(this.folder, "etc");
    mkdirSync(files, { recursive: true });
    writeFileSync(join(files, "resolv.conf"), resolvConf(pod, this.machine.clusterDomain, dnsIp));
    writeFileSync(join(files, "hosts"), hostsFile(pod, this.facts.podIp, this.machine.clusterDomain));
    writeFileSync(join(files, "hostname"), `${podHostname(pod)}\n`);
    return this.facts;
  }

  private async makeNetwork(pod: Pod): Promise<PodFacts> {
    if (pod.spec.hostNetwork === true) return { podIp: nodeIp, hostIp: nodeIp };
    const ip = this.machine.addresses.take();
    try {
      // At most 15 characters, and different for every address.
      this.link = await createPodLink(`p${ip.slice("10.244.".length).replace(".", "-")}`, ip);
    } catch (thrown) {
      this.machine.addresses.release(ip);
      throw thrown;
    }
    return { podIp: ip, hostIp: nodeIp };
  }

  async refresh(pod: Pod): Promise<number> {
    if (this.facts !== null) await this.volumes.sync(pod, this.facts);
    return this.volumes.renewAt;
  }

  async start(pod: Pod, container: Container, attempt: number): Promise<ContainerRun> {
    const facts = this.facts;
    if (facts === null) throw new MeshError("internal", "The pod has no network yet");
    const { machine } = this;
    const image = container.image ?? "";
    const program = resolveImage(image, container, machine.self);
    if (program.kind === "missing")
      throw new MeshError("not-found", program.message, { details: { reason: "ErrImagePull" } });
    if (attempt === 0) {
      if (program.host) {
        this.event(
          "Warning",
          "HostProgram",
          `Image "${image}" is not pulled: the container's command runs with the programs of this machine`,
        );
      } else this.event("Normal", "Pulled", `Container image "${image}" already present on machine`);
    }
    const isProxy = container.name === "linkerd-proxy" || imageName(image).endsWith("linkerd/proxy");
    const { env, credentials } = configured(() => ({
      env: this.environment(pod, container, facts),
      credentials: credentialsOf(pod, container, machine.mode, isProxy),
    }));
    const root = join(this.folder, "containers", `${container.name}-${attempt}`);
    const mounts = this.mounts(pod, container, env);
    const { self } = machine;
    configured(() =>
      writeFileSync(
        mkdirFor(`${root}.fstab`),
        applyPlan(planRoot(nodeTree, mounts, self.root, self.compiled ? self.executable : null), root),
      ),
    );
    writeFileSync(join(root, "dev/termination-log"), "");
    const log = this.openLog(container.name, attempt);
    const workingDirectory = container.workingDir ?? "/";
    const process = new ContainerProcess({
      netns: this.netns,
      hostname: podHostname(pod),
      root,
      fstab: `${root}.fstab`,
      readOnlyRoot: container.securityContext?.readOnlyRootFilesystem === true,
      workingDirectory,
      argv: containerArguments(program.entrypoint, container.args ?? [], env),
      env,
      credentials,
      mode: machine.mode,
      log,
    });
    let message = "";
    const run: ContainerRun = {
      id: `linkerd-local://${crypto.randomUUID().replaceAll("-", "")}`,
      exited: process.exited.then((exit) => {
        message = readTerminationMessage(join(root, "dev/termination-log"));
        // Otherwise only the log would say that it was not the program that failed.
        if (exit.code === setupFailed && message === "") message = log.lastLine;
        rmSync(root, { recursive: true, force: true });
        return exit;
      }),
      signal: (name) => process.signal(name),
      terminationMessage: () => message,
    };
    this.runs.set(run, { process, env, target: { env, credentials, mode: machine.mode, workingDirectory } });
    return run;
  }

  private environment(pod: Pod, container: Container, facts: PodFacts): Map<string, string> {
    const base = new Map<string, string>([
      // The package's own programs come last: a host program of the same name wins.
      ["PATH", `${defaultPath}:${selfMount}:${dirname(join(selfMount, this.machine.self.executable))}`],
      ["HOSTNAME", podHostname(pod)],
      ["HOME", "/"],
      ["KUBERNETES_SERVICE_HOST", apiServiceIp],
      ["KUBERNETES_SERVICE_PORT", "443"],
      ["KUBERNETES_SERVICE_PORT_HTTPS", "443"],
    ]);
    if (this.machine.mode === "single") base.set(...socketMark);
    const { capacity, client } = this.machine;
    return containerEnvironment(pod, container, {
      references: references(client, pod.metadata.namespace ?? ""),
      facts,
      capacity,
      base,
    });
  }

  private mounts(pod: Pod, container: Container, env: ReadonlyMap<string, string>): RootMount[] {
    const files = join(this.folder, "etc");
    const mounts: RootMount[] = ["resolv.conf", "hosts", "hostname"].map((name) => ({
      target: `/etc/${name}`,
      source: join(files, name),
      readOnly: false,
    }));
    for (const mount of container.volumeMounts ?? []) {
      const volume = pod.spec.volumes?.find(({ name }) => name === mount.name);
      if (volume === undefined) {
        throw new MeshError("invalid-argument", `Volume mount "${mount.name}" names no volume`, {
          details: { reason: "CreateContainerConfigError" },
        });
      }
      const path = this.volumes.path(volume);
      const subPath = mount.subPath === undefined ? "" : expand(mount.subPath, env);
      const source = join(path, subPath);
      if (subPath !== "" && volume.emptyDir !== undefined) mkdirSync(source, { recursive: true, mode: 0o777 });
      const content = volume.emptyDir === undefined && volume.hostPath === undefined;
      mounts.push({ target: mount.mountPath, source, readOnly: mount.readOnly === true || content });
    }
    return mounts;
  }

  private openLog(container: string, attempt: number): LogFile {
    const before = this.logFiles.get(container);
    before?.previous?.remove();
    const current = new LogFile(join(this.logs, container, `${attempt}.log`), () => this.machine.clock.wall());
    this.logFiles.set(container, { current, previous: before?.current ?? null });
    return current;
  }

  /** Throws "not-found" when the container never ran (that often). */
  logFile(container: string, previous: boolean): LogFile {
    const logs = this.logFiles.get(container);
    const log = previous ? logs?.previous : logs?.current;
    if (log === undefined || log === null) {
      const what = previous ? `previous terminated container "${container}"` : `container "${container}"`;
      throw new MeshError("unavailable", `${what} not found: it has not run${previous ? " before" : " yet"}`);
    }
    return log;
  }

  /** Throws "unavailable" when the container's first process isn't there. */
  execTarget(run: ContainerRun): ExecTarget {
    const details = this.runs.get(run);
    const pid = details?.process.pid ?? null;
    if (details === undefined || pid === null) throw new MeshError("unavailable", "The container is not running");
    return { ...details.target, pid };
  }

  async probe(_pod: Pod, container: Container, run: ContainerRun, probe: Probe): Promise<string | null> {
    const timeout = (probe.timeoutSeconds ?? 1) * 1000;
    const ip = this.facts?.podIp ?? nodeIp;
    if (probe.httpGet !== undefined) return await httpProbe(probe.httpGet, container, ip, timeout);
    if (probe.tcpSocket !== undefined) {
      const port = probePort(probe.tcpSocket.port, container);
      if (port === null) return `Container "${container.name}" has no port named "${probe.tcpSocket.port}"`;
      return await tcpProbe(probe.tcpSocket.host ?? ip, port, timeout);
    }
    if (probe.exec !== undefined) return await this.runExec(run, probe.exec.command ?? [], timeout);
    return "gRPC probes are not supported by a local cluster";
  }

  private async runExec(run: ContainerRun, command: readonly string[], timeout: number): Promise<string | null> {
    try {
      const { code, output, timedOut } = await runInContainer(this.execTarget(run), command, timeout);
      if (timedOut) return `command "${command.join(" ")}" timed out`;
      return code === 0 ? null : output.trim() || `command "${command.join(" ")}" ended with ${code}`;
    } catch (thrown) {
      return errorChain(thrown);
    }
  }

  async hook(pod: Pod, container: Container, run: ContainerRun, handler: Handler): Promise<string | null> {
    // A hook has as long as the pod has to stop; the worker kills what takes longer.
    const timeout = Math.max(120, pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
    if (handler.sleep !== undefined) {
      const { seconds } = handler.sleep;
      await new Promise<void>((resolve) => {
        this.machine.clock.after(seconds * 1000, resolve);
      });
      return null;
    }
    if (handler.httpGet !== undefined)
      return await httpProbe(handler.httpGet, container, this.facts?.podIp ?? nodeIp, timeout);
    // The container's first process may not be there yet at its start.
    for (let tries = 0; tries < 100 && handler.exec !== undefined; tries++) {
      if ((this.runs.get(run)?.process.pid ?? null) !== null) break;
      await Bun.sleep(20);
    }
    if (handler.exec !== undefined) return await this.runExec(run, handler.exec.command ?? [], timeout);
    return null;
  }

  async tearDown(): Promise<void> {
    const { link } = this;
    this.link = null;
    for (const { current, previous } of this.logFiles.values()) {
      current.remove();
      previous?.remove();
    }
    this.logFiles.clear();
    rmSync(this.logs, { recursive: true, force: true });
    rmSync(this.folder, { recursive: true, force: true });
    if (link === null) return;
    await link.remove();
    this.machine.addresses.release(link.ip);
  }
}

function mkdirFor(path: string): string {
  mkdirSync(join(path, ".."), { recursive: true });
  return path;
}

/** Problems with what the pod asks for are shown as such. */
function configured<T>(make: () => T): T {
  try {
    return make();
  } catch (thrown) {
    throw new MeshError("invalid-argument", errorChain(thrown), {
      cause: thrown,
      details: { reason: "CreateContainerConfigError" },
    });
  }
}

/** Kubernetes reads at most 4096 bytes. */
function readTerminationMessage(path: string): string {
  try {
    return readFileSync(path, "utf8").slice(0, 4096);
  } catch {
    return "";
  }
}
