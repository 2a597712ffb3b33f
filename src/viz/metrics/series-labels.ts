/** The labels of a series. Those of a histogram's buckets share all but `le`. */

/** What readers of labels need. */
export interface LabelReader {
  get(name: string): string | undefined;
  has(name: string): boolean;
  [Symbol.iterator](): Iterator<readonly [string, string]>;
}

/** Few labels in a flat array: a third of a Map's memory, and as fast for some twenty. */
export class PairLabels implements LabelReader {
  /** Name, value, name, value and so on. */
  private readonly pairs: readonly string[];

  constructor(pairs: readonly string[]) {
    this.pairs = pairs;
  }

  get(name: string): string | undefined {
    const { pairs } = this;
    for (let i = 0; i < pairs.length; i += 2) if (pairs[i] === name) return pairs[i + 1];
    return undefined;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  *[Symbol.iterator](): Iterator<readonly [string, string]> {
    for (let i = 0; i < this.pairs.length; i += 2) yield [this.pairs[i]!, this.pairs[i + 1]!];
  }
}

export class BucketLabels implements LabelReader {
  private readonly shared: LabelReader;
  private readonly le: string;

  constructor(shared: LabelReader, le: string) {
    this.shared = shared;
    this.le = le;
  }

  get(name: string): string | undefined {
    return name === "le" ? this.le : this.shared.get(name);
  }

  has(name: string): boolean {
    return name === "le" || this.shared.has(name);
  }

  *[Symbol.iterator](): Iterator<readonly [string, string]> {
    yield* this.shared;
    yield ["le", this.le];
  }
}

/** Parts a bucket's labels: what it shares with its siblings, and its bound. Null: no `le` at the end. */
export function splitBucket(labelText: string): { readonly shared: string; readonly le: string } | null {
  // The proxy writes `le` last; a value can't hold an unescaped quote, so this can't be inside one.
  const at = labelText.lastIndexOf('le="');
  if (at < 0 || !labelText.endsWith('"') || (at > 0 && labelText.charCodeAt(at - 1) !== 44)) return null;
  const le = labelText.slice(at + 4, -1);
  return /^[-+.\dA-Za-z]+$/.test(le) ? { shared: labelText.slice(0, Math.max(0, at - 1)), le } : null;
}
