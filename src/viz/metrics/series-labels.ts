/** The labels of a series. Those of a histogram's buckets share all but `le`. */

/** What readers of labels need. */
export interface LabelReader {
  get(name: string): string | undefined;
  has(name: string): boolean;
  [Symbol.iterator](): Iterator<readonly [string, string]>;
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
