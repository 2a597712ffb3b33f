/**
 * Keeps the key sets that JWTAuthentications name by address: fetched at once, then from time to time. While an issuer is
 * away its last set counts for an hour; then there is none, and its tokens are refused.
 */
import { Backoff } from "#lib/backoff.ts";
import type { Clock, Timer } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import { KeySetError, readKeySet } from "#lib/jwt/key-set.ts";
import type { Log } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import type { Random } from "#lib/random.ts";
import { until, Watchable } from "#lib/watchable.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";

export interface KeySetFetcherOptions {
  readonly index: ClusterIndex;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly registry: Registry;
  /** The text at an address; rejects with a MeshError. */
  readonly fetchText: (uri: string) => Promise<string>;
}

export interface KeySetFetcher {
  /** Every set that is wanted was tried once, or the time for that is over. */
  readonly settled: Promise<void>;
  stop(): void;
}

/** Addresses at most; of more the first ones by name are fetched. */
export const maxKeySets = 64;
/** ms, with up to a tenth more */
const refreshEvery = 300_000;
const retry = { min: 5_000, max: refreshEvery, jitter: 0.1 };
/** How long a set counts after it was last fetched, ms. */
export const keepFor = 3_600_000;
/** How long a start waits for issuers, ms: proxies that come again would get policies without keys. */
const settleWithin = 5_000;

export function startKeySetFetcher(options: KeySetFetcherOptions): KeySetFetcher {
  const { index, clock, log, registry } = options;
  const loops = new Map<string, KeySetLoop>();
  const wanted = index.derivations.acquire(
    "key set addresses",
    (track) => index.policy.keySetAddresses(track).slice(0, maxKeySets),
    Bun.deepEquals,
  );
  const settled = new Watchable(false);
  const look = (): void => {
    if ([...loops.values()].every(({ tried }) => tried)) settled.set(true);
  };
  const follow = (): void => {
    const addresses = new Set(wanted.value.get());
    if (addresses.size === maxKeySets) log.warn("No more key sets than these are fetched", { most: maxKeySets });
    for (const [uri, loop] of loops) {
      if (addresses.has(uri)) continue;
      loop.stop();
      loops.delete(uri);
    }
    for (const uri of addresses) if (!loops.has(uri)) loops.set(uri, new KeySetLoop(uri, options, look));
    look();
  };
  const stopWatching = wanted.value.watch(follow);
  follow();
  const patience = clock.after(settleWithin, () => settled.set(true));
  const gauge = registry.gauge("jwt_key_sets", "Key sets of issuers, by whether there is one");
  registry.onCollect(() => {
    const available = [...loops.values()].filter(({ available: good }) => good).length;
    gauge.cell({ state: "available" }).value = available;
    gauge.cell({ state: "missing" }).value = loops.size - available;
  });
  return {
    settled: until(settled, Boolean).then(() => patience.cancel()),
    stop() {
      stopWatching();
      wanted.release();
      patience.cancel();
      settled.set(true);
      for (const loop of loops.values()) loop.stop();
    },
  };
}

/** One address. */
class KeySetLoop {
  tried = false;
  available = false;
  private readonly uri: string;
  private readonly options: KeySetFetcherOptions;
  private readonly onTried: () => void;
  private readonly backoff: Backoff;
  private timer: Timer | null = null;
  private expiry: Timer | null = null;
  private stopped = false;

  constructor(uri: string, options: KeySetFetcherOptions, onTried: () => void) {
    this.uri = uri;
    this.options = options;
    this.onTried = onTried;
    this.backoff = new Backoff(retry, options.random);
    void this.look();
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
    this.drop();
  }

  private async look(): Promise<void> {
    const { uri, options } = this;
    const fetches = options.registry.counter("jwt_key_set_fetches_total", "Fetches of issuers' key sets, by outcome");
    try {
      const text = await options.fetchText(uri);
      readKeySet(text);
      if (this.stopped) return;
      fetches.cell({ outcome: "success" }).value++;
      this.keep(text);
    } catch (thrown) {
      if (!(thrown instanceof MeshError) && !(thrown instanceof KeySetError)) throw thrown;
      if (this.stopped) return;
      fetches.cell({ outcome: "failure" }).value++;
      const reason = thrown instanceof KeySetError ? `The key set ${thrown.message}` : thrown.message;
      const meanwhile = this.available ? "the last one counts" : "its tokens are refused";
      options.log.warn("Could not fetch an issuer's key set", { uri, reason, meanwhile });
      this.timer = options.clock.after(this.backoff.next(), () => void this.look());
    }
    this.tried = true;
    this.onTried();
  }

  private keep(text: string): void {
    const { clock, index, random } = this.options;
    this.available = true;
    index.policy.keySets.set(this.uri, text);
    this.backoff.reset();
    this.expiry?.cancel();
    this.expiry = clock.after(keepFor, () => {
      this.options.log.warn("An issuer's key set is too old and counts no more", { uri: this.uri });
      this.drop();
    });
    this.timer = clock.after(refreshEvery * (1 + random.next() / 10), () => void this.look());
  }

  private drop(): void {
    this.expiry?.cancel();
    this.expiry = null;
    this.available = false;
    this.options.index.policy.keySets.set(this.uri, "");
  }
}
