/** Scrapes the proxies of all meshed pods, each on its own beat, a bounded number at a time. */
import type { Clock, Timer } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { Random } from "#lib/random.ts";
import { targetLabels, type ScrapedPod } from "./pods.ts";
import type { SampleStore } from "./store.ts";

export interface ScraperOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly store: SampleStore;
  /** The text at a URL; rejects on anything but a complete 200 within its limits of time and size. */
  readonly fetchText: (url: string) => Promise<string>;
  /** ms between two scrapes of a pod, default 10,000. */
  readonly interval?: number;
  /** Lets go of what reading scrapes leaves behind, each 16 MiB of text. Default none. */
  readonly collect?: () => void;
  /** Scrapes under way at the same time, default 32; later ones wait for their next beat. */
  readonly concurrency?: number;
}

/** Texts are garbage at once, but a heap of 100 MB would let as much again come together before it is looked through. */
const collectEach = 16 * 1024 * 1024;

interface Entry {
  pod: ScrapedPod;
  timer: Timer | null;
  failing: boolean;
}

export class Scraper {
  private readonly options: ScraperOptions;
  private readonly interval: number;
  private readonly concurrency: number;
  private readonly entries = new Map<string, Entry>();
  private running = 0;
  private stopped = false;
  private read = 0;
  /** Scrapes done, failed, and put off because too many were under way. */
  readonly counts = { done: 0, failed: 0, postponed: 0 };

  constructor(options: ScraperOptions) {
    this.options = options;
    this.interval = options.interval ?? 10_000;
    this.concurrency = options.concurrency ?? 32;
  }

  /** All pods known now, scraped or not. */
  *pods(): Iterable<ScrapedPod> {
    for (const entry of this.entries.values()) yield entry.pod;
  }

  apply(pod: ScrapedPod): void {
    if (pod.meshed) this.options.store.describe(pod.target, targetLabels(pod));
    const known = this.entries.get(pod.target);
    if (known === undefined) {
      const entry: Entry = { pod, timer: null, failing: false };
      this.entries.set(pod.target, entry);
      // The first scrape comes soon: a new pod should show up within seconds, and pods spread over the interval.
      this.schedule(entry, 500 + 1500 * this.options.random.next());
      return;
    }
    known.pod = pod;
  }

  remove(target: string): void {
    this.entries.get(target)?.timer?.cancel();
    this.entries.delete(target);
    this.options.store.retire(target, this.options.clock.now());
  }

  stop(): void {
    this.stopped = true;
    for (const entry of this.entries.values()) entry.timer?.cancel();
  }

  private schedule(entry: Entry, delay: number): void {
    if (this.stopped) return;
    entry.timer = this.options.clock.after(delay, () => {
      void this.beat(entry);
    });
  }

  private async beat(entry: Entry): Promise<void> {
    this.schedule(entry, this.interval);
    const { scrape, target } = entry.pod;
    if (scrape === null) return;
    if (this.running >= this.concurrency) {
      this.counts.postponed++;
      return;
    }
    this.running++;
    const host = scrape.ip.includes(":") ? `[${scrape.ip}]` : scrape.ip;
    const url = `http://${host}:${scrape.port}/metrics`;
    try {
      const text = await this.options.fetchText(url);
      // The pod may have gone while we waited: its samples must not come back.
      if (this.entries.get(target) === entry) this.options.store.add(target, this.options.clock.now(), text);
      this.counts.done++;
      this.read += text.length;
      if (this.read >= collectEach) {
        this.read = 0;
        this.options.collect?.();
      }
      if (entry.failing) this.options.log.info("Scraping works again", { pod: target });
      entry.failing = false;
    } catch (error) {
      this.counts.failed++;
      if (!entry.failing) this.options.log.warn("Could not scrape a proxy", { pod: target, url }, error);
      entry.failing = true;
    } finally {
      this.running--;
    }
  }
}
