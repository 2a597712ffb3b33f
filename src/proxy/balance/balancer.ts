/**
 * Chooses among the endpoints of one destination by "power of two choices": of two picked at random the one with the
 * lower cost. Requests that find no usable endpoint wait in a bounded queue; when none was usable for the failfast
 * time the gate shuts, everyone who waits is refused, and later ones are refused at once until an endpoint answers.
 *
 * Hot file: `pick` runs per request and allocates nothing.
 */
import type { Timer } from "#lib/clock.ts";
import type { TransportCells } from "../http/ports.ts";
import type { Balancer, PickWaiter } from "../outbound/ports.ts";
import { BalancedEndpoint, type EndpointContext, type EndpointInfo } from "./endpoint.ts";

export interface BalancerOptions extends EndpointContext {
  /** Waiters at most. Default in Linkerd: 10,000, or 100 when a policy says so. */
  readonly queueCapacity: number;
  /** ms. */
  readonly failfastTimeout: number;
  /** The cells of connections to an endpoint. Called once for each. */
  readonly transport: (info: EndpointInfo) => TransportCells;
}

/** Told when a waiter leaves the queue, `waited` ms after it came. */
export interface QueueObserver {
  left(waited: number): void;
}

interface Waiting {
  readonly since: number;
  readonly observer: QueueObserver | null;
}

export class P2cBalancer implements Balancer {
  /** What updates did, since the start: the first one, those that brought something and those that took something. */
  readonly changes = { resets: 0, added: 0, removed: 0 };
  /** How often the failfast gate shut and opened again, and when it last did, ms since 1970. */
  readonly gate = { shuts: 0, opens: 0, shutAt: 0, openedAt: 0 };
  private readonly endpoints = new Map<string, BalancedEndpoint>();
  private usable: BalancedEndpoint[] = [];
  private readonly waiters = new Map<PickWaiter, Waiting>();
  private gateShut = false;
  private failfast: Timer | null = null;
  private readonly options: BalancerOptions;

  constructor(options: BalancerOptions) {
    this.options = options;
  }

  pick(): BalancedEndpoint | null {
    const { usable } = this;
    const count = usable.length;
    if (count < 2) return usable[0] ?? null;
    const first = (this.options.random.next() * count) | 0;
    let second = (this.options.random.next() * (count - 1)) | 0;
    if (second >= first) second++;
    const a = usable[first] as BalancedEndpoint;
    const b = usable[second] as BalancedEndpoint;
    const now = this.options.clock.now();
    return a.cost(now) <= b.cost(now) ? a : b;
  }

  /** ms. */
  get failfastTimeout(): number {
    return this.options.failfastTimeout;
  }

  wait(waiter: PickWaiter, observer: QueueObserver | null = null): "queued" | "failfast" | "load-shed" {
    if (this.gateShut) return "failfast";
    if (this.waiters.size >= this.options.queueCapacity) return "load-shed";
    this.waiters.set(waiter, { since: this.options.clock.now(), observer });
    this.failfast ??= this.options.clock.after(this.options.failfastTimeout, () => this.shutGate());
    return "queued";
  }

  giveUp(waiter: PickWaiter): void {
    this.takeOut(waiter);
    if (this.waiters.size === 0) this.disarm();
  }

  /** Replaces the set: endpoints that stay as they are keep their load and connections. */
  update(infos: Iterable<EndpointInfo>): void {
    const wanted = new Map<string, EndpointInfo>();
    let removed = false;
    for (const info of infos) wanted.set(`${info.addr.ip}:${info.addr.port}`, info);
    for (const [key, endpoint] of this.endpoints) {
      const info = wanted.get(key);
      if (info !== undefined && same(info, endpoint.info)) wanted.delete(key);
      else {
        this.endpoints.delete(key);
        endpoint.retire();
        removed = true;
      }
    }
    if (this.changes.resets === 0) this.changes.resets = 1;
    else {
      if (wanted.size > 0) this.changes.added++;
      if (removed) this.changes.removed++;
    }
    for (const [key, info] of wanted) {
      const onState = (changed: BalancedEndpoint): void => this.onState(changed);
      this.endpoints.set(key, new BalancedEndpoint(info, this.options.transport(info), this.options, onState));
    }
    this.usable = [...this.endpoints.values()].filter((endpoint) => endpoint.usable);
    if (this.usable.some((endpoint) => endpoint.ready)) this.openGate();
    this.serveWaiters();
  }

  /** The current set, for diagnostics and metrics. */
  all(): BalancedEndpoint[] {
    return [...this.endpoints.values()];
  }

  get counts(): {
    readonly total: number;
    readonly ready: number;
    readonly waiting: number;
    readonly gateShut: boolean;
  } {
    const ready = this.all().filter((endpoint) => endpoint.ready).length;
    return { total: this.endpoints.size, ready, waiting: this.waiters.size, gateShut: this.gateShut };
  }

  /** Ends it: nobody may use it any more. */
  close(): void {
    this.disarm();
    for (const endpoint of this.endpoints.values()) endpoint.retire();
    this.endpoints.clear();
    this.usable = [];
    this.refuseAll();
  }

  private onState(endpoint: BalancedEndpoint): void {
    // An endpoint that was dropped may still report what its last requests meet.
    if (!this.all().includes(endpoint)) return;
    const at = this.usable.indexOf(endpoint);
    if (endpoint.usable && at < 0) this.usable.push(endpoint);
    else if (!endpoint.usable && at >= 0) this.usable.splice(at, 1);
    if (endpoint.ready) this.openGate();
    this.serveWaiters();
  }

  private serveWaiters(): void {
    for (const waiter of this.waiters.keys()) {
      const endpoint = this.pick();
      if (endpoint === null) return;
      this.takeOut(waiter);
      // The waiter calls `started`, which takes a probed endpoint out of use again.
      waiter.onEndpoint(endpoint);
    }
    this.disarm();
  }

  private disarm(): void {
    this.failfast?.cancel();
    this.failfast = null;
  }

  private shutGate(): void {
    this.failfast = null;
    this.gateShut = true;
    this.gate.shuts++;
    this.gate.shutAt = this.options.clock.wall();
    this.refuseAll();
  }

  private openGate(): void {
    if (!this.gateShut) return;
    this.gateShut = false;
    this.gate.opens++;
    this.gate.openedAt = this.options.clock.wall();
  }

  private takeOut(waiter: PickWaiter): void {
    const waiting = this.waiters.get(waiter);
    if (waiting === undefined) return;
    this.waiters.delete(waiter);
    waiting.observer?.left(this.options.clock.now() - waiting.since);
  }

  private refuseAll(): void {
    const waiting = [...this.waiters.keys()];
    for (const waiter of waiting) this.takeOut(waiter);
    for (const waiter of waiting) waiter.onRefused("failfast");
  }
}

function same(a: EndpointInfo, b: EndpointInfo): boolean {
  return (
    a.tls?.identity === b.tls?.identity &&
    a.tls?.serverName === b.tls?.serverName &&
    a.transportPort === b.transportPort &&
    a.authorityOverride === b.authorityOverride &&
    a.weight === b.weight &&
    sameLabels(a.labels, b.labels)
  );
}

function sameLabels(a: EndpointInfo["labels"], b: EndpointInfo["labels"]): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
