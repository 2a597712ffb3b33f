/**
 * Keeps a copy of a collection in step with the API server: list, then watch from there, for ever.
 *
 * Whatever happens (refused connections, 410, garbage, a server that stops answering), the driver backs off and goes on;
 * its last state stays valid meanwhile. A relist is told as one `reset` with what vanished computed here, so that no index
 * has to. One object that can't be read or that the handler chokes on is skipped, counted and logged; it never stops the rest.
 */
import { Backoff } from "#lib/backoff.ts";
import type { Clock, Timer } from "#lib/clock.ts";
import { type ErrorCode, MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Random } from "#lib/random.ts";
import { type ReadonlyWatchable, Watchable } from "#lib/watchable.ts";
import { stripped } from "./client.ts";
import { readLines } from "./lines.ts";
import { describe, type Resource, type Selection } from "./resource.ts";
import { isExpired, statusError } from "./status-error.ts";
import type { KubeObject } from "./types/meta.ts";

/** What an index implements. `namespace` is "" for cluster-scoped objects. */
export interface WatchHandler<T> {
  /** Added or changed. */
  apply(object: T): void;
  delete(namespace: string, name: string): void;
  /** After a (re)list: everything that exists now, and what was known before and is gone. */
  reset(all: readonly T[], removed: ReadonlyArray<{ readonly namespace: string; readonly name: string }>): void;
}

/** The two calls that the driver makes; KubeClient has them. */
export interface WatchClient {
  list<T extends KubeObject>(
    resource: Resource,
    selection?: Selection,
    keep?: (object: KubeObject) => T | null,
  ): Promise<{ items: T[]; resourceVersion: string }>;
  openWatch(
    resource: Resource,
    selection: Selection,
    options: { readonly resourceVersion: string; readonly timeoutSeconds: number; readonly signal: AbortSignal },
  ): Promise<ReadableStream<Uint8Array>>;
}

/** Counters since the start; the program publishes them as metrics. */
export interface WatchStats {
  lists: number;
  events: number;
  /** Lists and watches that failed or broke, counting each attempt. */
  failures: number;
  /** Objects and lines that could not be read or that the handler refused. */
  skipped: number;
  /** `clock.wall()` of the last list, event or bookmark; 0 before the first. */
  lastSeen: number;
  objects: number;
}

export interface WatchOptions<T> {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal?: AbortSignal;
  /**
   * Checks an object and keeps only what the index needs (memory). Throws, or returns null for objects that the index does
   * not want. Default: keeps everything that has a name.
   */
  readonly decode?: (object: KubeObject) => T | null;
  /** Told of each change: seconds since somebody wrote it, by the API server's clock, which tells whole seconds. */
  readonly onLag?: (seconds: number) => void;
  /** What the program can do without: a refusal of this sort is told but is no warning. Default: nothing. */
  readonly optional?: Optional;
}

/** Why a list is refused: the server has no such kind, or does not let us. */
export type Refusal = "absent" | "forbidden";
/** "absent": where the cluster has no such kind; "always": also where it may not be read. */
export type Optional = "absent" | "always";

/** Whether a program goes without a kind that is refused. */
export function goesWithout(optional: Optional | null, refusal: Refusal | null): boolean {
  return refusal === "absent" ? optional !== null : refusal === "forbidden" && optional === "always";
}

export interface ResourceWatch {
  readonly resource: Resource;
  /** True once the first list was handed over: the program's readiness. Never goes back to false. */
  readonly listed: ReadonlyWatchable<boolean>;
  /** Why the server refuses the list, while it does; it is tried on nevertheless. */
  readonly refused: ReadonlyWatchable<Refusal | null>;
  readonly stats: Readonly<WatchStats>;
  /** Ends it; no handler call follows. */
  stop(): void;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
}

/** A watch's life on the server's side, in seconds; spread so that many watches don't end together. */
const minLife = 290;
const lifeSpread = 290;
/** Seconds that the server gets to end the watch itself before we cut it: it may be gone without a trace. */
const lifeGrace = 30;
/**
 * ms without a byte after which a watch is opened anew from where it was. A server that vanished without a word looks like
 * one where nothing happens; asking again is cheap, missing changes for minutes is not. Servers send a bookmark a minute.
 */
const silence = 75_000;
/**
 * ms until a server must have begun to answer a watch. A server that went away without a word makes us wait for ever
 * otherwise, and one that is back must not be noticed minutes later.
 */
const headLimit = 8000;
/** Answers in a row that refuse a watch (see `doubt`), after which the position is doubted and everything is listed anew. */
const doubtAfter = 5;
/** After so many lists in a row that were refused (no such kind, no permission), the next one waits so many ms, up to twice. */
const patience = 8;
const missingPause = 10_000;
/** What says that a kind is not there, or not for us. */
const refusals: ReadonlyMap<ErrorCode, Refusal> = new Map<ErrorCode, Refusal>([
  ["permission-denied", "forbidden"],
  ["not-found", "absent"],
]);
/** A watch that lived this long counts as a success for the backoff, in ms. */
const steady = 10_000;

/** What to watch. `older`: other versions of the same kind, for servers that don't have the first one, newest first. */
export interface WatchSelection extends Selection {
  readonly resource: Resource;
  readonly older?: readonly Resource[];
}

export function watchResource<T extends KubeObject>(
  client: WatchClient,
  selection: WatchSelection,
  handler: WatchHandler<T>,
  options: WatchOptions<T>,
): ResourceWatch {
  const driver = new WatchDriver<T>(client, selection, handler, options);
  const ended = driver.run();
  return {
    resource: selection.resource,
    listed: driver.listed,
    refused: driver.refused,
    stats: driver.stats,
    stop: () => driver.stop(),
    ended,
  };
}

class WatchDriver<T extends KubeObject> {
  readonly listed = new Watchable(false);
  readonly refused = new Watchable<Refusal | null>(null);
  readonly stats: WatchStats = { lists: 0, events: 0, failures: 0, skipped: 0, lastSeen: 0, objects: 0 };
  private readonly client: WatchClient;
  private readonly selection: Selection;
  private readonly versions: readonly Resource[];
  /** Which of the versions the server has, as far as is known. */
  private version = 0;
  private readonly handler: WatchHandler<T>;
  private readonly options: WatchOptions<T>;
  private readonly name: string;
  /** Keys of what the handler knows: "namespace/name". */
  private known = new Set<string>();
  /** Where to watch from; "" means: list first. */
  private position = "";
  private stopped = false;
  private wake: (() => void) | null = null;
  private abort: AbortController | null = null;
  private failing = false;

  constructor(
    client: WatchClient,
    { resource, older = [], ...selection }: WatchSelection,
    handler: WatchHandler<T>,
    options: WatchOptions<T>,
  ) {
    this.client = client;
    this.selection = selection;
    this.versions = [resource, ...older];
    this.handler = handler;
    this.options = options;
    this.name = describe(resource, undefined, selection.namespace);
    if (options.signal?.aborted === true) this.stopped = true;
    options.signal?.addEventListener("abort", () => this.stop(), { once: true });
  }

  stop(): void {
    this.stopped = true;
    this.abort?.abort();
    this.wake?.();
  }

  async run(): Promise<void> {
    const backoff = new Backoff({ min: 200, max: 3000, jitter: 0.5 }, this.options.random);
    let doubts = 0;
    let refusedInRow = 0;
    while (!this.stopped) {
      const started = this.options.clock.now();
      const seen = this.stats.events;
      try {
        if (this.position === "") await this.list();
        if (this.stopped) return;
        await this.follow();
        doubts = 0;
      } catch (thrown) {
        if (this.stopped) return;
        if (isExpired(thrown)) {
          this.options.log.debug(`Position of the watch on ${this.name} expired, listing anew`);
          this.position = "";
        } else {
          this.stats.failures++;
          this.report(thrown);
          const refused = refusalOf(thrown);
          if (refused !== this.refused.get()) this.refused.set(refused);
          doubts += doubt(thrown);
          if (doubts >= doubtAfter) this.position = "";
        }
      }
      if (this.stats.events > seen || this.options.clock.now() - started > steady) backoff.reset();
      refusedInRow = this.refused.get() === null ? 0 : refusedInRow + 1;
      // A kind that the cluster doesn't have may come any day, but hardly in the next second.
      await this.pause(refusedInRow > patience ? missingPause * (1 + this.options.random.next()) : backoff.next());
    }
  }

  /** One line when it starts to fail and one when it works again; the attempts between are for debugging. */
  private report(thrown: unknown): void {
    if (!this.failing && goesWithout(this.options.optional ?? null, refusalOf(thrown))) {
      const error = thrown instanceof Error ? thrown.message : String(thrown);
      this.options.log.info(`Going without ${this.name} until the API server has it`, { error });
    } else if (!this.failing) this.options.log.warn(`Watch on ${this.name} failed, trying again`, {}, thrown);
    else if (this.options.log.enabled("debug")) {
      this.options.log.debug(`Watch on ${this.name} failed again`, {
        error: thrown instanceof Error ? thrown.message : String(thrown),
      });
    }
    this.failing = true;
  }

  private works(): void {
    if (this.failing) this.options.log.info(`Watch on ${this.name} works again`);
    this.failing = false;
    if (this.refused.get() !== null) this.refused.set(null);
    this.stats.lastSeen = this.options.clock.wall();
  }

  private resource(): Resource {
    const found = this.versions[this.version % this.versions.length];
    if (found === undefined) throw new MeshError("internal", `There is no version of ${this.name} to watch`);
    return found;
  }

  private pause(delay: number): Promise<void> {
    if (this.stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.options.clock.after(delay, resolve);
      this.wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  private async list(): Promise<void> {
    const { items, resourceVersion } = await this.client
      .list<T>(this.resource(), this.selection, (item) => this.decode(item))
      .catch((thrown: unknown) => {
        // The server may have another version, or get this one any day: the next look is for the next one.
        if (thrown instanceof MeshError && thrown.code === "not-found") this.version++;
        throw thrown;
      });
    if (this.stopped) return;
    if (resourceVersion === "") throw new MeshError("protocol", `The list of ${this.name} has no resourceVersion`);
    this.stats.lists++;
    // A page boundary can show an object twice when it changes meanwhile: the later page is the newer one.
    const objects = new Map<string, T>();
    for (const object of items) objects.set(keyOf(object), object);
    const removed: Array<{ namespace: string; name: string }> = [];
    for (const key of this.known) if (!objects.has(key)) removed.push(splitKey(key));
    this.known = new Set(objects.keys());
    this.stats.objects = this.known.size;
    this.guard("the list", () => this.handler.reset([...objects.values()], removed));
    this.position = resourceVersion;
    this.works();
    if (!this.listed.get()) this.listed.set(true);
  }

  private async follow(): Promise<void> {
    const abort = new AbortController();
    this.abort = abort;
    const timeoutSeconds = Math.round(minLife + lifeSpread * this.options.random.next());
    const { clock } = this.options;
    const cut = clock.after((timeoutSeconds + lifeGrace) * 1000, () => abort.abort());
    const head = clock.after(headLimit, () => abort.abort());
    let heard = clock.now();
    let opened = false;
    let silent = false;
    let quiet: Timer;
    const listen = (): void => {
      quiet = clock.after(silence, () => {
        silent = clock.now() - heard >= silence;
        if (silent) abort.abort();
        else listen();
      });
    };
    listen();
    try {
      const stream = await this.client.openWatch(this.resource(), this.selection, {
        resourceVersion: this.position,
        timeoutSeconds,
        signal: abort.signal,
      });
      opened = true;
      head.cancel();
      this.works();
      for await (const line of readLines(stream)) {
        if (this.stopped) return;
        heard = clock.now();
        this.line(line);
      }
    } catch (thrown) {
      // Cut by ourselves while it was open: there is nothing wrong that we know of.
      if (!(silent && opened)) throw thrown;
    } finally {
      cut.cancel();
      head.cancel();
      quiet!.cancel();
      this.abort = null;
      // Leaving the loop early must not leave the connection open.
      abort.abort();
    }
  }

  private line(line: string | null): void {
    if (line === "") return;
    let event: { type?: unknown; object?: unknown };
    try {
      if (line === null) throw new MeshError("resource-exhausted", "The event is over the size limit");
      event = JSON.parse(line) as { type?: unknown; object?: unknown };
    } catch (thrown) {
      // An event that can't be read is a change that we missed: only a new list makes up for it.
      this.skip("an event", thrown);
      throw new MeshError("protocol", `The watch on ${this.name} sent an unreadable line`, {
        cause: thrown,
        details: { status: 410 },
      });
    }
    if (event.type === "ERROR") {
      const status = event.object as { code?: unknown } | null;
      const code = typeof status?.code === "number" ? status.code : 500;
      throw statusError(code, JSON.stringify(status), `watch ${this.name}`);
    }
    const raw = event.object as KubeObject | null;
    const version = raw?.metadata?.resourceVersion;
    if (event.type === "BOOKMARK") {
      if (version !== undefined) this.position = version;
      this.works();
      return;
    }
    this.stats.events++;
    this.works();
    if (raw !== null && this.options.onLag !== undefined) this.observe(raw);
    if (raw !== null && (event.type === "ADDED" || event.type === "MODIFIED")) this.apply(stripped(raw));
    else if (raw !== null && event.type === "DELETED") this.remove(raw);
    else this.skip("an event", new MeshError("protocol", `Unknown event type "${String(event.type)}"`));
    if (version !== undefined) this.position = version;
  }

  private observe(raw: KubeObject): void {
    const written = lastWrite(raw);
    if (written !== null) this.options.onLag?.(Math.max(0, (this.options.clock.wall() - written) / 1000));
  }

  private apply(raw: KubeObject): void {
    const object = this.decode(raw);
    if (object === null) {
      // What the index did not want, or can't read any more, must not live on in its old form.
      this.remove(raw);
      return;
    }
    this.known.add(keyOf(object));
    this.stats.objects = this.known.size;
    this.guard(keyOf(object), () => this.handler.apply(object));
  }

  private remove(raw: KubeObject): void {
    const name = raw.metadata?.name;
    if (typeof name !== "string") return;
    if (!this.known.delete(keyOf(raw))) return;
    this.stats.objects = this.known.size;
    this.guard(keyOf(raw), () => this.handler.delete(raw.metadata.namespace ?? "", name));
  }

  private decode(raw: KubeObject): T | null {
    try {
      if (typeof raw?.metadata?.name !== "string" || raw.metadata.name === "") {
        throw new MeshError("invalid-argument", "The object has no name");
      }
      return this.options.decode === undefined ? (raw as T) : this.options.decode(raw);
    } catch (thrown) {
      const { namespace = "", name = "" } = raw?.metadata ?? {};
      this.skip(`"${namespace}/${name}"`, thrown);
      return null;
    }
  }

  private guard(what: string, run: () => void): void {
    try {
      run();
    } catch (thrown) {
      this.skip(what, thrown);
    }
  }

  private skip(what: string, thrown: unknown): void {
    this.stats.skipped++;
    this.options.log.warn(`Skipped ${what} of ${this.name}`, {}, thrown);
  }
}

function refusalOf(thrown: unknown): Refusal | null {
  return (thrown instanceof MeshError ? refusals.get(thrown.code) : undefined) ?? null;
}

/**
 * How much an error says against the position. A server that can't be reached says nothing, nor does one that is starting
 * (429, 503) or that does not let us (401, 403); a position ahead of the server's own means that it was set back.
 */
function doubt(thrown: unknown): number {
  const status = thrown instanceof MeshError ? thrown.details["status"] : undefined;
  if (status === undefined || status === 429 || status === 503 || status === 401 || status === 403) return 0;
  return thrown instanceof MeshError && thrown.message.includes("Too large resource version") ? doubtAfter / 2 : 1;
}

/** When an object was last written, ms since 1970; null when it does not say. */
function lastWrite({ metadata }: KubeObject): number | null {
  const { managedFields, deletionTimestamp } = metadata as { managedFields?: unknown; deletionTimestamp?: unknown };
  let last = typeof deletionTimestamp === "string" ? deletionTimestamp : "";
  if (Array.isArray(managedFields)) {
    for (const entry of managedFields as ReadonlyArray<{ time?: unknown } | null>) {
      // Times are all of one form, so that their texts compare as they do.
      if (typeof entry?.time === "string" && entry.time > last) last = entry.time;
    }
  }
  const at = Date.parse(last);
  return Number.isNaN(at) ? null : at;
}

function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
}

function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf("/");
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
