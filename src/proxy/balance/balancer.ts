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
import { type Affinity, endpointOfKey, mixed, noKey } from "./affinity.ts";
import { type Balancing, plainBalancing } from "./balancing.ts";
import { BalancedEndpoint, type EndpointContext, type EndpointInfo } from "./endpoint.ts";

export interface BalancerOptions extends Omit<EndpointContext, "balancing" | "mayEject"> {
  /** Default: as Linkerd does it without annotations. */
  readonly balancing?: Balancing;
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
  /** Endpoints that failures took out of use, and that they would have but for the limit. */
  readonly ejections = { ejected: 0, spared: 0 };
  readonly affinity: Affinity | null;
  private readonly context: EndpointContext;
  private readonly balancing: Balancing;
  private readonly endpoints = new Map<string, BalancedEndpoint>();
  private usable: BalancedEndpoint[] = [];
  private readonly waiters = new Map<PickWaiter, Waiting>();
  private gateShut = false;
  private failfast: Timer | null = null;
  /** Those in the client's zone and those out of it, as long as both have some in use, and the share that stays in it. */
  private near: BalancedEndpoint[] = [];
  private far: BalancedEndpoint[] = [];
  private nearShare = 1;
  private nearTotal = 0;
  /** All weigh the same. */
  private even = true;
  /** Until then some get less than a whole share; a clock time. */
  private warmUntil = Number.NEGATIVE_INFINITY;
  /** There is nothing to do but to compare two. */
  private simple = true;
  private readonly options: BalancerOptions;

  constructor(options: BalancerOptions) {
    this.options = options;
    this.balancing = options.balancing ?? plainBalancing;
    this.affinity = this.balancing.affinity;
    this.context = { ...options, balancing: this.balancing, mayEject: () => this.mayEject() };
  }

  /** `key`: of a request that belongs to others, by {@link affinity}. */
  pick(key: number = noKey): BalancedEndpoint | null {
    const { usable } = this;
    const count = usable.length;
    if (count < 2) return usable[0] ?? null;
    if (!this.simple || key !== noKey) return this.choose(key);
    // As `lesser`, written out: two calls cost 20 ns of 130.
    const first = (this.options.random.next() * count) | 0;
    let second = (this.options.random.next() * (count - 1)) | 0;
    if (second >= first) second++;
    const a = usable[first] as BalancedEndpoint;
    const b = usable[second] as BalancedEndpoint;
    const now = this.options.clock.now();
    return a.cost(now) <= b.cost(now) ? a : b;
  }

  private lesser(among: readonly BalancedEndpoint[], now: number): BalancedEndpoint {
    const count = among.length;
    const { random } = this.options;
    const first = (random.next() * count) | 0;
    let second = (random.next() * (count - 1)) | 0;
    if (second >= first) second++;
    const a = among[first] as BalancedEndpoint;
    const b = among[second] as BalancedEndpoint;
    return a.cost(now) <= b.cost(now) ? a : b;
  }

  private choose(key: number): BalancedEndpoint | null {
    const { random, clock } = this.options;
    const now = clock.now();
    let among = this.usable;
    if (this.far.length > 0 && this.near.length > 0) {
      const draw = this.nearShare >= 1 ? 0 : key === noKey ? random.next() : mixed(key) / 4_294_967_296;
      among = draw < this.nearShare ? this.near : this.far;
    }
    if (key !== noKey) return endpointOfKey(among, key, this.even);
    if (among.length === 1) return among[0] ?? null;
    let found = this.ofSome(among, now);
    if (now >= this.warmUntil) {
      if (this.warmUntil > Number.NEGATIVE_INFINITY) this.arrange();
      return found;
    }
    for (let again = 0; again < maxRedraws; again++) {
      const share = found.share(now);
      if (share >= 1 || random.next() < share) return found;
      found = this.ofSome(among, now);
    }
    return found;
  }

  private ofSome(among: readonly BalancedEndpoint[], now: number): BalancedEndpoint {
    if (this.even) return this.lesser(among, now);
    const a = this.byWeight(among);
    const b = this.byWeight(among);
    return a.cost(now) <= b.cost(now) ? a : b;
  }

  /** In proportion to weights. */
  private byWeight(among: readonly BalancedEndpoint[]): BalancedEndpoint {
    let total = 0;
    for (const { weighed } of among) total += weighed;
    let draw = this.options.random.next() * total;
    for (const endpoint of among) {
      draw -= endpoint.weighed;
      if (draw < 0) return endpoint;
    }
    return among[among.length - 1] as BalancedEndpoint;
  }

  /** Prepares the choice for who is in use now. */
  private arrange(): void {
    const { usable } = this;
    const { zone, slowStart } = this.balancing;
    const now = this.options.clock.now();
    this.even = usable.every(({ weighed }) => weighed === usable[0]?.weighed);
    this.warmUntil = Number.NEGATIVE_INFINITY;
    if (slowStart > 0) {
      for (const { warmFrom } of usable)
        if (warmFrom + slowStart > now) this.warmUntil = Math.max(this.warmUntil, warmFrom + slowStart);
    }
    if (zone !== null) {
      this.near = usable.filter(isNear);
      this.far = usable.filter((endpoint) => !isNear(endpoint));
      this.nearShare = this.near.length / Math.max(1, this.nearTotal * zone);
    }
    const zones = this.near.length > 0 && this.far.length > 0;
    this.simple = this.even && !zones && this.warmUntil === Number.NEGATIVE_INFINITY;
  }

  private mayEject(): boolean {
    const { minReady, maxShare } = this.balancing.ejection;
    const total = this.endpoints.size;
    let ejected = 0;
    let ready = 0;
    for (const { broken, usable } of this.endpoints.values()) {
      if (broken) ejected++;
      if (usable) ready++;
    }
    const most = maxShare <= 0 ? total : Math.max(total > 1 ? 1 : 0, Math.floor(total * maxShare));
    const may = ready - 1 >= minReady && ejected + 1 <= most;
    if (may) this.ejections.ejected++;
    else this.ejections.spared++;
    return may;
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
    const refused: EndpointInfo[] = [];
    for (const info of infos) {
      if (info.refusal === undefined) wanted.set(`${info.addr.ip}:${info.addr.port}`, info);
      else refused.push(info);
    }
    // Those that nothing may be sent to say why, where there is nobody else.
    if (wanted.size === 0) for (const info of refused) wanted.set(`${info.addr.ip}:${info.addr.port}`, info);
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
    const first = this.endpoints.size === 0;
    const now = this.options.clock.now();
    const onState = (changed: BalancedEndpoint): void => this.onState(changed);
    for (const [key, info] of wanted) {
      const endpoint = new BalancedEndpoint(info, this.options.transport(info), this.context, onState);
      // Where all are new, nobody could take over.
      if (!first) endpoint.warmFrom = now;
      this.endpoints.set(key, endpoint);
    }
    this.usable = [...this.endpoints.values()].filter((endpoint) => endpoint.usable);
    this.nearTotal = this.all().filter(isNear).length;
    this.arrange();
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
    this.arrange();
    this.refuseAll();
  }

  private onState(endpoint: BalancedEndpoint): void {
    // An endpoint that was dropped may still report what its last requests meet.
    if (!this.all().includes(endpoint)) return;
    const at = this.usable.indexOf(endpoint);
    if (endpoint.usable && at < 0) this.usable.push(endpoint);
    else if (!endpoint.usable && at >= 0) this.usable.splice(at, 1);
    this.arrange();
    if (endpoint.ready) this.openGate();
    this.serveWaiters();
  }

  private serveWaiters(): void {
    for (const waiter of this.waiters.keys()) {
      const endpoint = this.pick(waiter.affinityKey);
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

/** How often one is chosen anew because the endpoint found is to have a smaller share. */
const maxRedraws = 3;

/** In the client's zone, as the control plane says. */
function isNear({ info }: BalancedEndpoint): boolean {
  return info.labels["zone_locality"] === "local";
}

function same(a: EndpointInfo, b: EndpointInfo): boolean {
  return (
    a.tls?.identity === b.tls?.identity &&
    a.tls?.serverName === b.tls?.serverName &&
    a.transportPort === b.transportPort &&
    a.refusal === b.refusal &&
    a.authorityOverride === b.authorityOverride &&
    a.weight === b.weight &&
    sameLabels(a.labels, b.labels)
  );
}

function sameLabels(a: EndpointInfo["labels"], b: EndpointInfo["labels"]): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
