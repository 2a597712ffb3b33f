/** Longer ones are seldom alike and dear to remember, characters. */
const longest = 1000;

/**
 * One copy of what many objects say alike: names of namespaces and nodes, labels of pods of one Deployment, ports. Records
 * are read-only, so that nobody notices; with 20,000 pods it is half of the index.
 */
export class Shared {
  private readonly texts: Recent<string>;
  private readonly values: Recent<object>;

  /** `capacity`: how many different ones of a kind are remembered at least; up to twice as many. */
  constructor(capacity = 2000) {
    this.texts = new Recent(capacity);
    this.values = new Recent(capacity);
  }

  text(text: string): string {
    return text.length > longest ? text : this.texts.of(text, text);
  }

  /** For values as JSON has them. */
  value<T extends object>(value: T): T {
    const key = JSON.stringify(value);
    // The same text is the same value, so that it has the same type.
    return key.length > longest ? value : (this.values.of(key, value) as T);
  }
}

/** The last values by key: what was not asked for since `capacity` others came is forgotten before twice as many have. */
class Recent<T> {
  private readonly capacity: number;
  private young = new Map<string, T>();
  private old = new Map<string, T>();

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** What is remembered of this key, else `value` from now on. */
  of(key: string, value: T): T {
    const known = this.young.get(key);
    if (known !== undefined) return known;
    const kept = this.old.get(key) ?? value;
    if (this.young.size >= this.capacity) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(key, kept);
    return kept;
  }
}
