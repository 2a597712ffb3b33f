/**
 * The entries of a dynamic table (RFC 7541 §2.3.2), newest first. The ring grows with what is in it: most connections
 * index a handful of fields. An entry counts at least 32 bytes, so that the number is bounded by the size in bytes.
 */
export class DynamicTable<E extends { readonly size: number }> {
  /** Bytes that entries may take together. */
  capacity: number;
  count = 0;
  private size = 0;
  private ring: (E | null)[] = [];
  /** Where the next entry goes. */
  private head = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Whether room for `bytes` has still to be made by `evict`. */
  mustEvict(bytes: number): boolean {
    return this.count > 0 && this.size + bytes > this.capacity;
  }

  /** Takes the oldest entry out. Only when there is one. */
  evict(): E {
    const at = (this.head - this.count) & (this.ring.length - 1);
    const oldest = this.ring[at]!;
    this.ring[at] = null;
    this.count--;
    this.size -= oldest.size;
    return oldest;
  }

  add(entry: E): void {
    if (this.count === this.ring.length) this.grow();
    this.ring[this.head] = entry;
    this.head = (this.head + 1) & (this.ring.length - 1);
    this.count++;
    this.size += entry.size;
  }

  /** The entry that came as the `back`th last, 1 ≤ `back` ≤ `count`. */
  newest(back: number): E {
    return this.ring[(this.head - back) & (this.ring.length - 1)]!;
  }

  private grow(): void {
    const larger = new Array<E | null>(Math.max(8, this.ring.length * 2)).fill(null);
    for (let at = 0; at < this.count; at++) larger[at] = this.newest(this.count - at);
    this.ring = larger;
    this.head = this.count;
  }
}
