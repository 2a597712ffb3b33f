/**
 * One leader among replicas by a Lease: https://kubernetes.io/docs/concepts/architecture/leases/
 *
 * The holder renews; others take over when the lease was not renewed for its duration, measured by their own clock from
 * when they saw the last change, so that clocks of machines need not agree. A holder that can't renew gives up before
 * others may take over.
 */
import type { Clock, Timer } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { type ReadonlyWatchable, Watchable } from "#lib/watchable.ts";
import type { KubeClient } from "./client.ts";
import { resources } from "./resource.ts";
import type { KubeObject } from "./types/meta.ts";

export interface LeaseOptions {
  readonly namespace: string;
  readonly name: string;
  /** Unique per replica: the pod's name. */
  readonly holder: string;
  /** ms without renewal after which others take over. Default 30 s. */
  readonly duration?: number;
  /** ms between renewals and between looks of the others. Default: a third of the duration. */
  readonly interval?: number;
  readonly clock: Clock;
  readonly log: Log;
}

interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly renewTime?: string;
    readonly acquireTime?: string;
    readonly leaseTransitions?: number;
  };
}

export interface LeaseHandle {
  readonly leader: ReadonlyWatchable<boolean>;
  /** Stops and, as the leader, hands the lease over at once. */
  stop(): Promise<void>;
}

export type LeaseClient = Pick<KubeClient, "find" | "create" | "patch">;

export function holdLease(client: LeaseClient, options: LeaseOptions): LeaseHandle {
  const loop = new LeaseLoop(client, options);
  loop.tick();
  return { leader: loop.leader, stop: () => loop.stop() };
}

class LeaseLoop {
  readonly leader = new Watchable(false);
  private readonly client: LeaseClient;
  private readonly options: LeaseOptions;
  private readonly duration: number;
  private readonly interval: number;
  private seen: { readonly version: string; readonly at: number } = { version: "", at: 0 };
  private renewed = 0;
  private timer: Timer | null = null;
  private running: Promise<void> = Promise.resolve();
  private busy = false;
  private stopped = false;

  constructor(client: LeaseClient, options: LeaseOptions) {
    this.client = client;
    this.options = options;
    this.duration = options.duration ?? 30_000;
    this.interval = options.interval ?? this.duration / 3;
  }

  tick(): void {
    if (this.stopped) return;
    this.timer = this.options.clock.after(this.interval, () => {
      // A request that hangs must not keep the lead: the age of the last renewal decides, not its outcome.
      if (this.leader.get() && this.options.clock.now() - this.renewed >= this.duration - this.interval) this.lose();
      this.tick();
    });
    // A slow server gets one request at a time.
    if (this.busy) return;
    this.busy = true;
    this.running = this.attempt().finally(() => {
      this.busy = false;
    });
  }

  private lose(): void {
    this.options.log.warn(`Lost the lease "${this.options.name}"`);
    this.leader.set(false);
  }

  private async attempt(): Promise<void> {
    const started = this.options.clock.now();
    try {
      const held = await this.tryHold();
      if (held) this.renewed = started;
      if (held === this.leader.get() || this.stopped) return;
      if (held) {
        this.options.log.info(`Holding the lease "${this.options.name}"`);
        this.leader.set(true);
      } else this.lose();
    } catch (thrown) {
      if (thrown instanceof MeshError && thrown.code === "conflict") return;
      this.options.log.warn(`Renewing the lease "${this.options.name}" failed`, {}, thrown);
    }
  }

  private async tryHold(): Promise<boolean> {
    const { namespace, name, holder, clock } = this.options;
    const lease = await this.client.find<Lease>(resources.leases, name, namespace);
    const now = new Date(clock.wall()).toISOString().replace("Z", "000Z");
    const base = { leaseDurationSeconds: Math.ceil(this.duration / 1000), renewTime: now, holderIdentity: holder };
    if (lease === null) {
      const metadata = { name, namespace };
      const spec = { ...base, acquireTime: now, leaseTransitions: 0 };
      await this.client.create(resources.leases, {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata,
        spec,
      });
      return true;
    }
    const current = lease.spec?.holderIdentity ?? "";
    const version = lease.metadata.resourceVersion ?? "";
    if (current !== holder && current !== "") {
      if (version !== this.seen.version) this.seen = { version, at: clock.now() };
      const theirs = (lease.spec?.leaseDurationSeconds ?? 30) * 1000;
      if (clock.now() - this.seen.at < theirs) return false;
    }
    const taken = current !== holder;
    const spec = {
      ...lease.spec,
      ...base,
      ...(taken ? { acquireTime: now, leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + 1 } : {}),
    };
    await this.write(lease, spec);
    return true;
  }

  /** Only if nobody wrote since the lease was read. */
  private async write(lease: Lease, spec: Lease["spec"]): Promise<void> {
    const { name, namespace } = this.options;
    const { resourceVersion } = lease.metadata;
    // A patch, because Linkerd's roles allow no replacing of leases.
    await this.client.patch(resources.leases, { name, namespace }, "merge", { metadata: { resourceVersion }, spec });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    await this.running;
    if (!this.leader.get()) return;
    this.leader.set(false);
    try {
      const lease = await this.client.find<Lease>(resources.leases, this.options.name, this.options.namespace);
      if (lease?.spec?.holderIdentity !== this.options.holder) return;
      await this.write(lease, { ...lease.spec, holderIdentity: "" });
    } catch (thrown) {
      this.options.log.warn(`Handing over the lease "${this.options.name}" failed`, {}, thrown);
    }
  }
}
