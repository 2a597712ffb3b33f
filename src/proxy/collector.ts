/**
 * When garbage is collected. The runtime collects when its heap has grown by a share of what is live; that lets the heap
 * of a small proxy double, and most of its pages never come back, because what lives is spread over them. So under load it is told to
 * collect after so many reads, at a hundredth of the CPU. Large chunks don't count: their memory is their own, and
 * a collection each would cost more than the copying.
 */
import { edenGC, fullGC, heapSize } from "bun:jsc";
import type { Clock } from "#lib/clock.ts";
import type { SocketActivity } from "#lib/net/bun-socket.ts";

export interface Collector {
  /** What was made since the last time; under 1 ms. */
  young(): void;
  /** Everything, and code that is not used any more; 2–4 ms. */
  all(): void;
  /** Everything, and free pages go back to the system; 2–5 ms. */
  shrink(): void;
  /** The same, and all code goes that was compiled so far: what is still called is compiled again. 5 ms. */
  settle(): void;
  /** Bytes of the heap now. */
  size(): number;
}

export const runtimeCollector: Collector = {
  young: edenGC,
  all: fullGC,
  shrink: () => void Bun.gc(true),
  settle: Bun.shrink,
  size: heapSize,
};

/** Garbage of a read is the unit, about 1 KB. Collections follow after this many at least, … */
const leastUnits = 500;
/** … and one more for so many bytes of the heap above a small one: with thousands of connections a collection is dear. */
const bytesPerUnit = 3000;
const smallHeap = 4_000_000;
/** After one that took some ms none follows for so many times as long, whatever there is to collect: work comes first. */
const restFactor = 5;
/** An opened connection or a finished handshake makes about as much as so many reads. */
const unitsPerOpening = 150;
/**
 * While the heap is small each opening is followed by a collection, until these took so many ms in an interval: what lives
 * long would otherwise come to lie among what doesn't, and its pages never come back. 1 MB with 100 connections opened at once.
 */
const openingTime = 250;
/** A few connections do no such harm, so this many openings of an interval go without, and nobody waits for collections. */
const freeOpenings = 48;
/**
 * Opened connections leave code behind that only openings and handshakes need: 0.5 MB. It goes once, so long after as many
 * openings as this, ms: more often would make the same code again and again.
 */
const settleOpenings = 32;
const settleDelay = 1000;
/**
 * So many requests at a time, which only HTTP/2 brings, are what fills the heap, and outlive a few collections: what is left of them is
 * taken for old. So all is collected after so many of them, or after this part of those that there were at a time. 10,000 at a
 * time take 20 MB instead of 50.
 */
const manyAtATime = 1000;
const leastStreams = 2000;
const partOfStreams = 0.2;
/** After such a collection none follows for so many times as long as it took. */
const crowdedRest = 2;
/** Longer chunks are not counted, bytes. */
const largeChunk = 16_384;
/** Every so many collections are full ones, … */
const fullEvery = 5;
/**
 * … or so many when they are more than so many ms apart. At such a pace little is under way when one comes, so little is taken
 * for old, and the pauses of full ones are what the slowest hundredth of requests waits for.
 */
const calmFullEvery = 50;
const calmInterval = 100;
/** How often it looks whether it is quiet, ms, and below how many collections since then it is. */
const quietInterval = 10_000;
/** When a proxy has its certificate and has seen its first streams, ms. */
const startInterval = 600;
const quietCollections = 2;

export class CollectorPace implements SocketActivity {
  private readonly collector: Collector;
  private readonly clock: Clock;
  private collectedAt = 0;
  /** What is missing to the next full one is in these parts: a collection counts more when they follow fast. */
  private towardsFull = 0;
  private units = 0;
  private budget = leastUnits;
  private restUntil = 0;
  /** When the last collection ended, and how long it took, ms. */
  private collectedUntil = 0;
  private took = 0;
  private openings = 0;
  private openingTime = 0;
  private settled = false;
  /** Requests now, at most and altogether since all was collected. */
  private streams = 0;
  private mostStreams = 0;
  private streamsOpened = 0;
  private sinceLook = 0;
  private grown = false;

  /** Looks for quiet moments until the process ends. */
  constructor(clock: Clock, collector: Collector = runtimeCollector) {
    this.collector = collector;
    this.clock = clock;
    const look = (): void => {
      this.look();
      clock.after(quietInterval, look);
    };
    clock.after(quietInterval, look);
    // What the start has left behind would otherwise be spread over all of the heap by the time it goes: 2 MB.
    clock.after(startInterval, () => collector.settle());
  }

  onOpened(): void {
    this.openings++;
    if (!this.settled && this.openings >= settleOpenings) {
      this.settled = true;
      this.clock.after(settleDelay, () => this.collector.settle());
    }
    if (this.openings <= freeOpenings || this.openingTime >= openingTime || this.budget > leastUnits) {
      this.add(unitsPerOpening);
      return;
    }
    const start = this.clock.now();
    this.collect(start);
    this.openingTime += this.clock.now() - start;
  }

  onStreamOpened(): void {
    this.streamsOpened++;
    if (++this.streams > this.mostStreams) this.mostStreams = this.streams;
  }

  onStreamEnded(): void {
    this.streams--;
  }

  onRead(bytes: number): void {
    if (this.mostStreams >= manyAtATime && this.streamsOpened >= leastStreams) this.crowded();
    if (bytes < largeChunk) this.add(1);
    else this.grown = true;
  }

  private crowded(): void {
    if (this.streamsOpened < this.mostStreams * partOfStreams) return;
    const now = this.clock.now();
    if (now < this.collectedUntil + crowdedRest * this.took) return;
    this.towardsFull = calmFullEvery;
    this.collect(now);
  }

  private add(units: number): void {
    this.units += units;
    if (this.units < this.budget) return;
    const now = this.clock.now();
    if (now >= this.restUntil) this.collect(now);
  }

  private collect(now: number): void {
    this.units = 0;
    this.sinceLook++;
    this.towardsFull += now - this.collectedAt > calmInterval ? 1 : calmFullEvery / fullEvery;
    this.collectedAt = now;
    if (this.towardsFull >= calmFullEvery) {
      this.towardsFull = 0;
      this.mostStreams = this.streams;
      this.streamsOpened = 0;
      this.collector.all();
    } else this.collector.young();
    this.budget = Math.max(leastUnits, (this.collector.size() - smallHeap) / bytesPerUnit);
    const end = this.clock.now();
    this.collectedUntil = end;
    this.took = end - now;
    this.restUntil = end + restFactor * this.took;
  }

  /** After a busy time comes the moment to give memory back. */
  private look(): void {
    const busy = this.sinceLook > quietCollections;
    this.sinceLook = 0;
    this.openings = 0;
    this.openingTime = 0;
    if (!busy && this.grown) this.collector.shrink();
    this.grown = busy;
  }
}
