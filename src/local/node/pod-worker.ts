/**
 * The life of one pod on the node, level-triggered: whatever happens (a change of the object, a container's end, a probe,
 * a timer) leads to `sync`, which compares what should run with what runs. Syncs of one pod never overlap.
 */
import type { Clock, Timer } from "#lib/clock.ts";
import { errorChain, MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Container, Pod, PodStatus, Probe } from "../types.ts";
import {
  crashBackoff,
  newRecord,
  statusOf,
  viewOf,
  type ContainerRecord,
  type CurrentRun,
} from "./container-record.ts";
import type { PodFacts } from "./environment.ts";
import { planPod, rolesOf } from "./pod-plan.ts";
import type { ContainerRun, PodRuntime } from "./pod-runtime.ts";
import { podStatus } from "./pod-status.ts";
import { ContainerProbes, type ProbeKind } from "./probe-schedule.ts";

export interface PodWorkerOptions {
  readonly runtime: PodRuntime;
  readonly clock: Clock;
  readonly log: Log;
  /** Writes the status; called only when it changed. */
  readonly publish: (status: PodStatus) => Promise<void>;
  readonly event: (type: "Normal" | "Warning", reason: string, message: string) => void;
  /** The pod was deleted and nothing of it is left. */
  readonly onGone: () => void;
}

/** Waits between attempts to set the pod up or to start a container that can't be, ms. */
const retryDelays = [250, 500, 1_000, 2_000, 5_000, 10_000];
/** A container that ran so long starts a new series of crashes, ms. */
const healthyAfter = 600_000;
/** What sidecars get at least after the main containers used the grace period up, ms. */
const sidecarGrace = 2_000;

export class PodWorker {
  private pod: Pod;
  private readonly options: PodWorkerOptions;
  private readonly records: ContainerRecord[];
  private facts: PodFacts | null = null;
  private initialized = false;
  private phase: NonNullable<PodStatus["phase"]>;
  private reason: string | null = null;
  private message: string | null = null;
  private setupProblem: string | null = null;
  private readonly startTime: number;
  private published = "";
  private publishing: Promise<void> = Promise.resolve();
  private running = false;
  private again = false;
  private attempts = 0;
  private timer: Timer | null = null;
  private timerAt = Number.POSITIVE_INFINITY;
  private refreshAt = Number.POSITIVE_INFINITY;
  private stale = false;
  private ending: "no" | "stopping" | "gone" = "no";
  private force = false;

  constructor(pod: Pod, options: PodWorkerOptions) {
    this.pod = pod;
    this.options = options;
    this.phase = pod.status?.phase ?? "Pending";
    this.startTime = Date.parse(pod.status?.startTime ?? "") || options.clock.wall();
    const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
    this.records = rolesOf(pod.spec).map(({ role }, index) => newRecord(containers[index] as Container, role));
  }

  /** The object changed. */
  update(pod: Pod): void {
    this.pod = pod;
    for (const record of this.records) {
      const spec = record.role === "main" ? pod.spec.containers : (pod.spec.initContainers ?? []);
      record.container = spec.find(({ name }) => name === record.container.name) ?? record.container;
    }
    this.stale = true;
    this.kick();
  }

  /** Something that its volumes show changed. */
  refresh(): void {
    this.stale = true;
    this.kick();
  }

  /** The object is gone (deleted by force): stop at once. */
  kill(): void {
    this.force = true;
    for (const { current } of this.records) current?.run.signal("SIGKILL");
    this.kick();
  }

  /** The run of a container that is there now. Throws "not-found". */
  currentRun(name: string): ContainerRun {
    const record = this.records.find(({ container }) => container.name === name);
    if (record === undefined)
      throw new MeshError("not-found", `container ${name} is not valid for pod ${this.pod.metadata.name}`);
    if (record.current === null)
      throw new MeshError("unavailable", `container ${name} of pod ${this.pod.metadata.name} is not running`);
    return record.current.run;
  }

  /** Number of the latest run of a container, from 0; null before the first. */
  attempt(name: string): number | null {
    const record = this.records.find(({ container }) => container.name === name);
    if (record === undefined)
      throw new MeshError("not-found", `container ${name} is not valid for pod ${this.pod.metadata.name}`);
    return record.current === null && record.past === null ? null : record.restarts;
  }

  get podFacts(): PodFacts | null {
    return this.facts;
  }

  get object(): Pod {
    return this.pod;
  }

  kick(): void {
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    void this.loop();
  }

  private async loop(): Promise<void> {
    do {
      this.again = false;
      try {
        await this.sync();
      } catch (thrown) {
        this.options.log.error("Bringing a pod up to date failed", { pod: this.key }, thrown);
        this.kickAt(this.options.clock.wall() + 1_000);
      }
    } while (this.again);
    this.running = false;
  }

  private get key(): string {
    return `${this.pod.metadata.namespace}/${this.pod.metadata.name}`;
  }

  private kickAt(time: number): void {
    if (time >= this.timerAt || !Number.isFinite(time)) return;
    this.timer?.cancel();
    this.timerAt = time;
    this.timer = this.options.clock.after(time - this.options.clock.wall(), () => {
      this.timerAt = Number.POSITIVE_INFINITY;
      this.kick();
    });
  }

  private async sync(): Promise<void> {
    if (this.ending === "gone") return;
    if (this.force || this.pod.metadata.deletionTimestamp !== undefined) {
      this.terminate();
      await this.publish();
      return;
    }
    if (this.phase === "Succeeded" || this.phase === "Failed") return;
    if (this.facts === null && !(await this.setUp())) return;
    await this.refreshVolumes();
    this.advance();
    await this.publish();
  }

  /** @returns false when it has to be tried again. */
  private async setUp(): Promise<boolean> {
    // Shown before the work starts, so that the pod is seen to be in hand.
    if (this.attempts === 0) await this.publish();
    try {
      this.facts = await this.options.runtime.setUp(this.pod);
      this.setupProblem = null;
      this.refreshAt = 0;
      return true;
    } catch (thrown) {
      const message = errorChain(thrown);
      // Said once per reason: a missing ConfigMap is often just a moment late.
      if (message !== this.setupProblem && this.attempts > 1) this.options.event("Warning", "FailedMount", message);
      if (this.attempts > 1) this.setupProblem = message;
      this.kickAt(this.options.clock.wall() + (retryDelays[this.attempts++] ?? 10_000));
      await this.publish();
      return false;
    }
  }

  private async refreshVolumes(): Promise<void> {
    if (!this.stale && this.options.clock.wall() < this.refreshAt) return;
    this.stale = false;
    try {
      this.refreshAt = await this.options.runtime.refresh(this.pod);
    } catch (thrown) {
      // The volumes keep their last contents, as with the kubelet.
      this.options.log.warn("Refreshing a pod's volumes failed", { pod: this.key }, thrown);
      this.refreshAt = this.options.clock.wall() + 10_000;
    }
    this.kickAt(this.refreshAt);
  }

  private advance(): void {
    const plan = planPod(this.records.map(viewOf), this.pod.spec.restartPolicy ?? "Always", this.initialized);
    this.initialized = plan.initialized;
    for (const name of plan.start) {
      const record = this.records.find((entry) => entry.container.name === name);
      if (record !== undefined) this.start(record);
    }
    if (plan.stopSidecars) {
      const left = this.records.filter(({ current }) => current !== null);
      if (left.length > 0) void this.stopAll(left, this.graceOf());
      else this.phase = plan.phase;
      return;
    }
    // A pod that once ran is Running also while all its containers are between two runs.
    this.phase = this.phase === "Running" ? "Running" : plan.phase;
  }

  private start(record: ContainerRecord): void {
    const now = this.options.clock.wall();
    if (record.starting || record.current !== null) return;
    if (now < record.notBefore) {
      this.kickAt(record.notBefore);
      return;
    }
    record.starting = true;
    void this.run(record);
  }

  private async run(record: ContainerRecord): Promise<void> {
    const { runtime, clock, event } = this.options;
    const { container } = record;
    const attempt = record.past === null ? 0 : record.restarts + 1;
    let run: ContainerRun;
    try {
      run = await runtime.start(this.pod, container, attempt);
    } catch (thrown) {
      record.starting = false;
      const reason =
        thrown instanceof MeshError
          ? String(thrown.details["reason"] ?? "CreateContainerError")
          : "CreateContainerError";
      const message = errorChain(thrown);
      if (record.waiting?.message !== message) event("Warning", "Failed", `Error: ${message}`);
      record.waiting = { reason, message };
      record.notBefore = clock.wall() + 10_000;
      this.kick();
      return;
    }
    record.starting = false;
    record.waiting = null;
    if (record.past !== null) record.restarts++;
    event("Normal", "Created", `Created container: ${container.name}`);
    event("Normal", "Started", `Started container ${container.name}`);
    const current: CurrentRun = {
      run,
      startedAt: clock.wall(),
      started: false,
      hookDone: false,
      ready: false,
      probes: null,
      stopping: false,
    };
    record.current = current;
    void run.exited.then((exit) => {
      current.probes?.stop();
      const finishedAt = clock.wall();
      record.current = null;
      record.past = { id: run.id, exit, startedAt: current.startedAt, finishedAt, message: run.terminationMessage() };
      this.afterExit(record, finishedAt - current.startedAt);
      this.kick();
    });
    // Deleted while it was starting: it is stopped like the others.
    if (this.ending !== "no") void this.stop(record, this.graceOf(), clock.wall() + this.graceOf());
    else await this.afterStart(record, current);
  }

  private afterExit(record: ContainerRecord, lasted: number): void {
    const policy = this.pod.spec.restartPolicy ?? "Always";
    const code = record.past?.exit.code ?? 0;
    const restarts =
      record.role === "sidecar" ||
      (record.role === "init"
        ? code !== 0 && policy !== "Never"
        : policy === "Always" || (policy === "OnFailure" && code !== 0));
    if (!restarts || this.ending !== "no") return;
    if (lasted >= healthyAfter) record.crashes = 0;
    record.crashes++;
    const delay = crashBackoff(record.crashes);
    record.notBefore = this.options.clock.wall() + delay;
    if (delay === 0) return;
    const name = record.container.name;
    record.waiting = {
      reason: "CrashLoopBackOff",
      message: `back-off ${delay / 1000}s restarting failed container=${name} pod=${this.pod.metadata.name}_${this.pod.metadata.namespace}(${this.pod.metadata.uid})`,
    };
    this.options.event(
      "Warning",
      "BackOff",
      `Back-off restarting failed container ${name} in pod ${this.pod.metadata.name}_${this.pod.metadata.namespace}(${this.pod.metadata.uid})`,
    );
  }

  private async afterStart(record: ContainerRecord, current: CurrentRun): Promise<void> {
    const { container } = record;
    const { clock, event, runtime } = this.options;
    current.probes = new ContainerProbes(
      { startup: container.startupProbe, liveness: container.livenessProbe, readiness: container.readinessProbe },
      {
        clock,
        run: (_kind: ProbeKind, probe: Probe) => runtime.probe(this.pod, container, current.run, probe),
        events: {
          onFailure: (kind, reason) => {
            if (!current.stopping)
              event("Warning", "Unhealthy", `${kind.charAt(0).toUpperCase()}${kind.slice(1)} probe failed: ${reason}`);
          },
          onChange: (kind, success) => this.probed(record, current, kind, success),
        },
      },
    );
    current.started = container.startupProbe === undefined;
    current.ready = current.started && container.readinessProbe === undefined;
    const hook = container.lifecycle?.postStart;
    if (hook === undefined) current.hookDone = true;
    this.kick();
    if (hook === undefined) return;
    const failure = await runtime.hook(this.pod, container, current.run, hook);
    if (failure !== null) {
      event("Warning", "FailedPostStartHook", `PostStartHook failed: ${failure}`);
      void this.stop(record, this.graceOf(), clock.wall() + this.graceOf());
    }
    current.hookDone = failure === null;
    this.kick();
  }

  private probed(record: ContainerRecord, current: CurrentRun, kind: ProbeKind, success: boolean): void {
    if (kind === "readiness") current.ready = success;
    else if (kind === "startup" && success) {
      current.started = true;
      if (record.container.readinessProbe === undefined) current.ready = true;
    } else if (!success && !current.stopping) {
      const { clock, event } = this.options;
      event("Normal", "Killing", `Container ${record.container.name} failed ${kind} probe, will be restarted`);
      const probe = kind === "startup" ? record.container.startupProbe : record.container.livenessProbe;
      const grace = (probe?.terminationGracePeriodSeconds ?? this.pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
      void this.stop(record, grace, clock.wall() + grace);
    }
    this.kick();
  }

  /** The pod's grace period, ms. */
  private graceOf(): number {
    if (this.force) return 0;
    const { metadata, spec } = this.pod;
    return (metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30) * 1000;
  }

  private terminate(): void {
    if (this.ending === "stopping") return;
    this.ending = "stopping";
    void this.finish();
  }

  private async finish(): Promise<void> {
    const { runtime, log, onGone } = this.options;
    await this.stopAll(
      this.records.filter(({ current, starting }) => current !== null || starting),
      this.graceOf(),
    );
    for (const { current } of this.records) if (current !== null) await current.run.exited;
    if (this.phase === "Pending" || this.phase === "Running") {
      this.phase = this.records.some(({ role, past }) => role === "main" && past?.exit.code !== 0)
        ? "Failed"
        : "Succeeded";
    }
    await this.publish();
    this.ending = "gone";
    this.timer?.cancel();
    try {
      await runtime.tearDown();
    } catch (thrown) {
      log.warn("Removing a pod's network or files failed", { pod: this.key }, thrown);
    }
    onGone();
  }

  /** Main and init containers together, then sidecars one by one in reverse order (Kubernetes: sidecar containers). */
  private async stopAll(records: readonly ContainerRecord[], grace: number): Promise<void> {
    const deadline = this.options.clock.wall() + grace;
    await Promise.all(
      records.filter(({ role }) => role !== "sidecar").map((record) => this.stop(record, grace, deadline)),
    );
    for (const record of records.filter(({ role }) => role === "sidecar").toReversed()) {
      const now = this.options.clock.wall();
      await this.stop(record, grace, Math.max(deadline, now + Math.min(grace, sidecarGrace)));
    }
  }

  /** preStop, SIGTERM, and at the deadline SIGKILL. Resolves when the container has ended. */
  private async stop(record: ContainerRecord, grace: number, deadline: number): Promise<void> {
    const { current, container } = record;
    const { clock, event, runtime } = this.options;
    if (current === null) return;
    if (current.stopping) {
      await current.run.exited;
      return;
    }
    current.stopping = true;
    const signal = (name: NodeJS.Signals): void => {
      // Its first process may not exist yet: a moment later it does, or the container is over.
      if (!current.run.signal(name) && record.current === current) clock.after(20, () => signal(name));
    };
    const killer = clock.after(deadline - clock.wall(), () => signal("SIGKILL"));
    event("Normal", "Killing", `Stopping container ${container.name}`);
    const hook = container.lifecycle?.preStop;
    if (grace > 0) {
      if (hook !== undefined) {
        const failure = await Promise.race([
          runtime.hook(this.pod, container, current.run, hook),
          current.run.exited.then(() => null),
        ]);
        if (failure !== null) event("Warning", "FailedPreStopHook", `PreStopHook failed: ${failure}`);
      }
      signal("SIGTERM");
    }
    await current.run.exited;
    killer.cancel();
  }

  /** Shows the status when it changed. One write after the other, so that a later state is never overwritten. */
  private publish(): Promise<void> {
    this.publishing = this.publishing.then(() => this.write());
    return this.publishing;
  }

  private async write(): Promise<void> {
    if (this.force) return;
    const idle =
      this.initialized || !this.records.some(({ role }) => role !== "main") ? "ContainerCreating" : "PodInitializing";
    const init = this.records.filter(({ role }) => role !== "main");
    const status = podStatus({
      pod: this.pod,
      facts: this.facts,
      phase: this.phase,
      initialized: this.initialized,
      init: init.map((record) => ({ ...statusOf(record, idle), sidecar: record.role === "sidecar" })),
      main: this.records.filter(({ role }) => role === "main").map((record) => statusOf(record, idle)),
      startTime: this.startTime,
      now: this.options.clock.wall(),
      reason: this.reason,
      message: this.message,
    });
    const text = JSON.stringify(status);
    if (text === this.published) return;
    try {
      await this.options.publish(status);
      this.published = text;
    } catch (thrown) {
      this.options.log.warn("Writing a pod's status failed", { pod: this.key }, thrown);
      this.kickAt(this.options.clock.wall() + 1_000);
    }
  }
}
