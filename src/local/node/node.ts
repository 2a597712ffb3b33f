/** The cluster's one node: runs the pods that are assigned to it, and answers for their logs, commands and ports. */
import { errorChain, MeshError } from "#lib/errors.ts";
import type { Clock } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { LocalClient } from "../api/client.ts";
import type {
  ExecOptions,
  ExecSession,
  ExecSink,
  ForwardConnection,
  ForwardSink,
  LogOptions,
  LogSink,
  LogStream,
  NodeExecutor,
} from "../api/executor.ts";
import { resources } from "../api/resource-ref.ts";
import { isStatus } from "../api/status-error.ts";
import type { KubeObject } from "../store/object.ts";
import type { Pod } from "../types.ts";
import { EventRecorder } from "./event-recorder.ts";
import { execSession } from "./exec.ts";
import { MachineRuntime, type Machine } from "./machine-runtime.ts";
import { PodWorker } from "./pod-worker.ts";
import { forwardPort } from "./port-forward.ts";
import { volumeReferences } from "./volume-files.ts";

/** The node's name, and its host name as pods see it. */
export const nodeName = "local";

/** How often a status is written when others write the same pod at the same moment. */
const statusTries = 5;

interface Entry {
  readonly worker: PodWorker;
  readonly runtime: MachineRuntime;
}

export class Node implements NodeExecutor {
  private readonly client: LocalClient;
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly machine: Machine;
  private readonly events: EventRecorder;
  /** By uid: a pod may be made anew under its name while the old one still ends. */
  private readonly pods = new Map<string, Entry>();
  private readonly stops: Array<() => void> = [];

  constructor(machine: Machine, log: Log) {
    this.machine = machine;
    this.client = machine.client;
    this.clock = machine.clock;
    this.log = log;
    this.events = new EventRecorder({ client: this.client, clock: this.clock, log, component: "kubelet" });
  }

  start(): void {
    this.stops.push(
      this.client.watch<Pod>(resources.pods, { fieldSelector: `spec.nodeName=${nodeName}` }, ({ type, object }) => {
        if (type === "DELETED") this.pods.get(object.metadata.uid)?.worker.kill();
        else this.podChanged(object);
      }),
      this.client.watch(resources.configMaps, {}, ({ object }) => this.contentChanged(object, "configMaps")),
      this.client.watch(resources.secrets, {}, ({ object }) => this.contentChanged(object, "secrets")),
    );
  }

  stop(): void {
    for (const stop of this.stops) stop();
  }

  private podChanged(pod: Pod): void {
    const { uid } = pod.metadata;
    const existing = this.pods.get(uid);
    if (existing !== undefined) {
      existing.worker.update(pod);
      return;
    }
    const event = (type: "Normal" | "Warning", reason: string, message: string): void => {
      this.events.record(pod, type, reason, message);
    };
    const runtime = new MachineRuntime(pod, this.machine, event);
    const worker = new PodWorker(pod, {
      runtime,
      clock: this.clock,
      log: this.log,
      event,
      publish: (status) => this.publish(pod, status),
      onGone: () => {
        this.pods.delete(uid);
        void this.remove(pod);
      },
    });
    this.pods.set(uid, { worker, runtime });
    worker.kick();
  }

  private async publish(pod: Pod, status: unknown): Promise<void> {
    const { namespace = "", name, uid } = pod.metadata;
    // Only this incarnation: a new pod may have taken the name.
    if (this.client.get(resources.pods, namespace, name)?.metadata.uid !== uid) return;
    for (let tries = 1; ; tries++) {
      try {
        await this.client.patch(resources.pods, namespace, name, { status }, { subresource: "status" });
        return;
      } catch (thrown) {
        if (isStatus(thrown, "NotFound")) return;
        // Somebody else wrote at the same moment; the status is the node's alone, so it is simply written again.
        if (!isStatus(thrown, "Conflict") || tries === statusTries) throw thrown;
      }
    }
  }

  private async remove(pod: Pod): Promise<void> {
    const { namespace = "", name, uid } = pod.metadata;
    try {
      await this.client.delete(resources.pods, namespace, name, { gracePeriodSeconds: 0, uid });
    } catch (thrown) {
      if (isStatus(thrown, "NotFound") || isStatus(thrown, "Conflict")) return;
      this.log.warn("Removing a pod that has ended failed", { pod: `${namespace}/${name}`, error: errorChain(thrown) });
    }
  }

  private contentChanged(object: KubeObject, kind: "configMaps" | "secrets"): void {
    for (const { worker } of this.pods.values()) {
      const pod = worker.object;
      if (pod.metadata.namespace !== object.metadata.namespace) continue;
      if (volumeReferences(pod)[kind].has(object.metadata.name)) worker.refresh();
    }
  }

  private entry(pod: KubeObject): Entry {
    const entry = this.pods.get(pod.metadata.uid);
    if (entry === undefined) throw new MeshError("unavailable", `Pod "${pod.metadata.name}" does not run on this node`);
    return entry;
  }

  logs(pod: KubeObject, options: LogOptions, sink: LogSink): LogStream {
    const { worker, runtime } = this.entry(pod);
    // Throws for a container that the pod doesn't have.
    worker.attempt(options.container);
    return runtime.logFile(options.container, options.previous).read(options, sink);
  }

  exec(pod: KubeObject, options: ExecOptions, sink: ExecSink): ExecSession {
    const { worker, runtime } = this.entry(pod);
    return execSession(runtime.execTarget(worker.currentRun(options.container)), options, sink);
  }

  forward(pod: KubeObject, port: number, sink: ForwardSink): ForwardConnection {
    const { worker, runtime } = this.entry(pod);
    if (worker.podFacts === null) throw new MeshError("unavailable", `Pod "${pod.metadata.name}" has no network yet`);
    return forwardPort(runtime.netns, port, sink);
  }
}
