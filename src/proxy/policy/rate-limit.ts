/**
 * How many requests a port takes: the generic cell rate algorithm, for all clients together and for each client.
 * Hot file: a request costs two comparisons and no look-up.
 */
import type { Clock } from "#lib/clock.ts";
import type { ClientTls } from "../inbound/ports.ts";
import type { Origin } from "./server-policy.ts";

/** Requests per second, each proxy for itself. */
export interface RateLimit {
  readonly origin: Origin;
  /** Of all clients together; null: no limit. */
  readonly total: number | null;
  /** Of each client identity; clients without one share one. */
  readonly identity: number | null;
  /** Instead of `identity`, for these identities together. */
  readonly overrides: ReadonlyArray<{ readonly limit: number; readonly identities: ReadonlySet<string> }>;
}

/** Which limit refuses, in the words of the metric. */
export type LimitScope = "total" | "identity" | "override";

/** Identities whose use is remembered; of more than that the rest shares one limit. */
const maxIdentities = 4096;

/** As many requests as a second has may come at once; ms. */
const burst = 1000;

/** One limit: the time at which everything that was let in would have been due at an even pace. */
export class Cell {
  private readonly interval: number;
  private due = 0;

  constructor(perSecond: number) {
    this.interval = perSecond > 0 ? 1000 / perSecond : Number.POSITIVE_INFINITY;
  }

  allows(now: number): boolean {
    return Math.max(this.due, now) + this.interval <= now + burst + 1e-6;
  }

  take(now: number): void {
    this.due = Math.max(this.due, now) + this.interval;
  }

  /** As if it had never been used. */
  idle(now: number): boolean {
    return this.due <= now;
  }
}

/** What limits one client. */
export class ClientLimit {
  private readonly clock: Clock;
  private readonly total: Cell | null;
  private readonly own: Cell | null;
  private readonly scope: LimitScope;

  constructor(clock: Clock, total: Cell | null, own: Cell | null, scope: LimitScope) {
    this.clock = clock;
    this.total = total;
    this.own = own;
    this.scope = scope;
  }

  /** Counts one request, or says what refuses it: then it counts nowhere, so who is over its own limit takes nothing from others. */
  refuses(): LimitScope | null {
    const now = this.clock.now();
    if (this.total !== null && !this.total.allows(now)) return "total";
    if (this.own !== null && !this.own.allows(now)) return this.scope;
    this.total?.take(now);
    this.own?.take(now);
    return null;
  }
}

export class RateLimiter {
  readonly limit: RateLimit;
  private readonly clock: Clock;
  private readonly total: Cell | null;
  private readonly overrides: ReadonlyArray<{ readonly identities: ReadonlySet<string>; readonly cell: Cell }>;
  private readonly identities = new Map<string, Cell>();
  /** Of clients without an identity, and of those that are too many. */
  private readonly anonymous: Cell | null;
  private readonly rest: Cell | null;

  constructor(limit: RateLimit, clock: Clock) {
    this.limit = limit;
    this.clock = clock;
    const cell = (perSecond: number | null): Cell | null => (perSecond === null ? null : new Cell(perSecond));
    this.total = cell(limit.total);
    this.anonymous = cell(limit.identity);
    this.rest = cell(limit.identity);
    this.overrides = limit.overrides.map(({ limit: rate, identities }) => ({ identities, cell: new Cell(rate) }));
  }

  /** The limits of a client: look up once, ask per request. */
  of(tls: ClientTls): ClientLimit {
    const id = tls.kind === "meshed" ? tls.clientId : null;
    const override = id === null ? undefined : this.overrides.find(({ identities }) => identities.has(id));
    if (override !== undefined) return new ClientLimit(this.clock, this.total, override.cell, "override");
    return new ClientLimit(this.clock, this.total, id === null ? this.anonymous : this.ofIdentity(id), "identity");
  }

  private ofIdentity(id: string): Cell | null {
    const { identity } = this.limit;
    if (identity === null) return null;
    let cell = this.identities.get(id);
    if (cell === undefined) {
      if (this.identities.size >= maxIdentities) this.forgetIdle();
      if (this.identities.size >= maxIdentities) return this.rest;
      cell = new Cell(identity);
      this.identities.set(id, cell);
    }
    return cell;
  }

  private forgetIdle(): void {
    const now = this.clock.now();
    for (const [id, cell] of this.identities) if (cell.idle(now)) this.identities.delete(id);
  }
}
