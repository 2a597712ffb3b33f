/**
 * When a container's probes run and what their results mean. The probe itself is done elsewhere; here are only time and
 * counting (Kubernetes: "Configure Liveness, Readiness and Startup Probes").
 */
import type { Clock, Timer } from "#lib/clock.ts";
import type { Probe } from "../types.ts";

export type ProbeKind = "startup" | "liveness" | "readiness";

/** Result of one probe: null for success, else why it failed. */
export type ProbeRun = (kind: ProbeKind, probe: Probe) => Promise<string | null>;

export interface ProbeEvents {
  /** The threshold was reached in one direction; told once per change. */
  onChange(kind: ProbeKind, success: boolean): void;
  /** Each single failure, with its reason. */
  onFailure(kind: ProbeKind, reason: string): void;
}

/**
 * Until a readiness or startup probe succeeds for the first time it is tried more often than its period says, so that
 * nobody waits 10 s for a program that needs two. Only one failure a period counts. Delays in ms; the last one repeats.
 */
const firstDelays = [100, 200, 400, 800, 1_000];

/** One probe of one container run. */
export class ProbeSchedule {
  private readonly kind: ProbeKind;
  private readonly probe: Probe;
  private readonly clock: Clock;
  private readonly run: ProbeRun;
  private readonly events: ProbeEvents;
  private timer: Timer | null = null;
  private stopped = false;
  private successes = 0;
  private failures = 0;
  private tries = 0;
  private countedAt: number;
  private state: boolean | null = null;

  constructor(kind: ProbeKind, probe: Probe, options: { clock: Clock; run: ProbeRun; events: ProbeEvents }) {
    this.kind = kind;
    this.probe = probe;
    this.clock = options.clock;
    this.run = options.run;
    this.events = options.events;
    const delay = (probe.initialDelaySeconds ?? 0) * 1000;
    this.countedAt = this.clock.now() + delay;
    this.plan(delay);
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private plan(delay: number): void {
    this.timer = this.clock.after(delay, () => void this.once());
  }

  private async once(): Promise<void> {
    const reason = await this.run(this.kind, this.probe);
    if (this.stopped) return;
    const period = (this.probe.periodSeconds ?? 10) * 1000;
    if (reason === null) {
      this.failures = 0;
      this.successes++;
      if (this.successes >= (this.probe.successThreshold ?? 1)) this.change(true);
    } else {
      const early = this.early(period);
      if (early !== null) {
        this.plan(early);
        return;
      }
      this.successes = 0;
      this.failures++;
      this.events.onFailure(this.kind, reason);
      if (this.failures >= (this.probe.failureThreshold ?? 3)) this.change(false);
    }
    if (!this.stopped) this.plan(this.state === null && this.kind !== "liveness" ? Math.min(period, 1_000) : period);
  }

  /** The delay to the next try when this failure doesn't count, else null. */
  private early(period: number): number | null {
    if (this.state !== null || this.kind === "liveness") return null;
    const delay = firstDelays[Math.min(this.tries++, firstDelays.length - 1)] ?? period;
    if (this.clock.now() - this.countedAt < period) return Math.min(delay, period);
    this.countedAt = this.clock.now();
    return null;
  }

  private change(success: boolean): void {
    if (this.state === success) return;
    this.state = success;
    this.events.onChange(this.kind, success);
  }
}

/** All probes of one container run: startup first, the others once it succeeded. */
export class ContainerProbes {
  private readonly schedules = new Set<ProbeSchedule>();
  private readonly options: { clock: Clock; run: ProbeRun; events: ProbeEvents };
  private readonly probes: { startup?: Probe | undefined; liveness?: Probe | undefined; readiness?: Probe | undefined };

  constructor(
    probes: { startup?: Probe | undefined; liveness?: Probe | undefined; readiness?: Probe | undefined },
    options: { clock: Clock; run: ProbeRun; events: ProbeEvents },
  ) {
    this.probes = probes;
    this.options = options;
    if (probes.startup === undefined) {
      this.startOthers();
      return;
    }
    const schedule = new ProbeSchedule("startup", probes.startup, {
      ...options,
      events: {
        onFailure: options.events.onFailure,
        onChange: (kind, success) => {
          schedule.stop();
          options.events.onChange(kind, success);
          if (success) this.startOthers();
        },
      },
    });
    this.schedules.add(schedule);
  }

  private startOthers(): void {
    for (const kind of ["liveness", "readiness"] as const) {
      const probe = this.probes[kind];
      if (probe !== undefined) this.schedules.add(new ProbeSchedule(kind, probe, this.options));
    }
  }

  stop(): void {
    for (const schedule of this.schedules) schedule.stop();
    this.schedules.clear();
  }
}
