import type { Http2Stream } from "./stream.ts";

const smallest = 16;

/**
 * The open streams of one connection by number. A `Map` takes ten times the memory for each of them, because it keeps room for
 * what was deleted; here numbers that follow each other lie side by side, and what is gone leaves nothing.
 */
export class StreamTable {
  /** Open. */
  size = 0;
  /** A power of two of places, at most 7/8 of them in use; who finds its place taken has the next free one. */
  private places: (Http2Stream | null)[] = [];

  get(id: number): Http2Stream | undefined {
    const { places } = this;
    if (this.size === 0) return undefined;
    const mask = places.length - 1;
    for (let at = (id >>> 1) & mask; ; at = (at + 1) & mask) {
      const stream = places[at] ?? null;
      if (stream === null) return undefined;
      if (stream.id === id) return stream;
    }
  }

  /** `stream.id` must be new. */
  add(stream: Http2Stream): void {
    if (++this.size * 8 > this.places.length * 7) this.grow();
    this.put(stream);
  }

  delete(stream: Http2Stream): void {
    const { places } = this;
    const mask = places.length - 1;
    let gap = (stream.id >>> 1) & mask;
    while (places[gap] !== stream) gap = (gap + 1) & mask;
    if (--this.size === 0 && places.length > smallest) {
      this.places = [];
      return;
    }
    // Those behind it that had to go on because of it move up.
    for (let at = (gap + 1) & mask; ; at = (at + 1) & mask) {
      const next = places[at] ?? null;
      if (next === null) break;
      const wanted = (next.id >>> 1) & mask;
      if (((at - wanted) & mask) < ((at - gap) & mask)) continue;
      places[gap] = next;
      gap = at;
    }
    places[gap] = null;
  }

  /** All, the oldest first; a copy. */
  all(): Http2Stream[] {
    const all: Http2Stream[] = [];
    for (const stream of this.places) if (stream !== null) all.push(stream);
    return all.sort((a, b) => a.id - b.id);
  }

  private put(stream: Http2Stream): void {
    const { places } = this;
    const mask = places.length - 1;
    let at = (stream.id >>> 1) & mask;
    while ((places[at] ?? null) !== null) at = (at + 1) & mask;
    places[at] = stream;
  }

  private grow(): void {
    const before = this.places;
    this.places = new Array<Http2Stream | null>(Math.max(smallest, before.length * 2)).fill(null);
    for (const stream of before) if (stream !== null) this.put(stream);
  }
}
