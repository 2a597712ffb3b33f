/**
 * Metric families and their series.
 *
 * A series is looked up once (per endpoint, per route), kept by whoever counts, and only its numbers change after that.
 * Two limits keep a busy process bounded. At most `maxSeries` series per family: a further one shares a cell that is
 * never printed and `metrics_series_dropped_total` tells. And a series that nobody holds any more vanishes once its
 * value has not changed for `retain` ms: it is then kept by a weak reference only, so a holder that is merely quiet
 * loses nothing. A gauge is idle only at 0: most gauges are set once and stay true.
 */
import { systemClock, type Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import { createBuckets, createCell, HistogramCell, type Buckets, type Cell } from "./cell.ts";

export type Labels = Readonly<Record<string, string>>;

export type FamilyKind = "counter" | "gauge" | "histogram";

interface Series<T> {
  readonly weak: WeakRef<object>;
  /** Null while idle. */
  cell: T | null;
  lastValue: number;
  /** Clock time of the last change that a sweep saw. */
  changedAt: number;
}

/** One metric name with its series. `T` is {@link Cell} or {@link HistogramCell}. */
export class Family<T extends object = Cell> {
  readonly name: string;
  readonly help: string;
  readonly kind: FamilyKind;
  /** Null unless `kind` is "histogram". */
  readonly buckets: Buckets | null;
  private readonly registry: Registry;
  private readonly create: () => T;
  private readonly total: (cell: T) => number;
  private readonly constant: Labels;
  /** By labels as they are printed, without braces: `a="b",c="d"`. */
  private readonly series = new Map<string, Series<T>>();
  private overflow: T | null = null;

  constructor(
    registry: Registry,
    options: { name: string; help: string; kind: FamilyKind; buckets: Buckets | null; constant: Labels },
    create: () => T,
    total: (cell: T) => number,
  ) {
    this.registry = registry;
    this.name = options.name;
    this.help = options.help;
    this.kind = options.kind;
    this.buckets = options.buckets;
    this.constant = options.constant;
    this.create = create;
    this.total = total;
  }

  /** The series of these labels, made on first use. Keep the result; do not call this per request. */
  cell(labels: Labels = {}): T {
    const key = formatLabels(this.constant, labels);
    const known = this.series.get(key);
    if (known !== undefined) {
      const cell = known.cell ?? (known.weak.deref() as T | undefined);
      if (cell !== undefined) {
        known.cell = cell;
        known.changedAt = this.registry.now();
        return cell;
      }
    }
    if (known === undefined && this.series.size >= this.registry.maxSeries) {
      this.sweep();
      if (this.series.size >= this.registry.maxSeries) {
        this.registry.countDropped(this.name);
        this.overflow ??= this.create();
        return this.overflow;
      }
    }
    const cell = this.create();
    this.series.set(key, {
      weak: new WeakRef(cell),
      cell,
      lastValue: this.total(cell),
      changedAt: this.registry.now(),
    });
    return cell;
  }

  /** Drops the series of these labels at once, for values that stop existing (an endpoint, a certificate). */
  remove(labels: Labels = {}): void {
    this.series.delete(formatLabels(this.constant, labels));
  }

  get size(): number {
    return this.series.size;
  }

  /** Lets go of series that have been idle for too long. Runs when the family is full; a rendering does it on its way. */
  sweep(): void {
    const now = this.registry.now();
    for (const [key, series] of this.series) this.judge(key, series, now);
  }

  /**
   * The living series with their printed labels, one after the other: whoever prints thousands of them may do other things
   * in between, also use the family. Lets go of idle ones on the way, as {@link sweep} does.
   */
  *living(): Generator<readonly [labels: string, cell: T]> {
    const now = this.registry.now();
    for (const [key, series] of this.series) {
      const cell = this.judge(key, series, now);
      if (cell !== null) yield [key, cell];
    }
  }

  /** Null: the series is gone. */
  private judge(key: string, series: Series<T>, now: number): T | null {
    const cell = series.cell ?? (series.weak.deref() as T | undefined);
    if (cell === undefined) {
      this.series.delete(key);
      return null;
    }
    const value = this.total(cell);
    if (value !== series.lastValue) {
      series.lastValue = value;
      series.changedAt = now;
      series.cell = cell;
    } else if (now - series.changedAt >= this.registry.retain && (this.kind !== "gauge" || value === 0)) {
      series.cell = null;
    }
    return cell;
  }
}

/** A counter whose series appears with its first event. */
export class LazyCounter {
  private cell: Cell | null = null;
  private readonly family: Family;
  private readonly labels: Labels;

  constructor(family: Family, labels: Labels) {
    this.family = family;
    this.labels = labels;
  }

  count(): void {
    this.cell ??= this.family.cell(this.labels);
    this.cell.value++;
  }
}

/** Counters that differ in what they count. Bounded by the kinds that there are. */
export class CountersBy<K> {
  private readonly family: Family;
  private readonly labelsOf: (kind: K) => Labels;
  private readonly byKind = new Map<K, Cell>();

  /** @param labelsOf called at the first event of its kind, when the series appears */
  constructor(family: Family, labelsOf: (kind: K) => Labels) {
    this.family = family;
    this.labelsOf = labelsOf;
  }

  count(kind: K): void {
    let cell = this.byKind.get(kind);
    if (cell === undefined) {
      cell = this.family.cell(this.labelsOf(kind));
      this.byKind.set(kind, cell);
    }
    cell.value++;
  }
}

/** What a rendering needs to know of any family. */
export type AnyFamily = Family<Cell> | Family<HistogramCell>;

export interface RegistryOptions {
  readonly clock?: Clock;
  /** How long a series without changes and without a holder is kept, ms. Default 10 minutes. */
  readonly retain?: number;
  /** Series per family. Default 10,000. */
  readonly maxSeries?: number;
}

export class Registry {
  readonly retain: number;
  readonly maxSeries: number;
  private readonly clock: Clock;
  private readonly families = new Map<string, AnyFamily>();
  private readonly collectors: Array<() => void> = [];
  private dropped: Family | null = null;

  constructor(options: RegistryOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.retain = options.retain ?? 600_000;
    this.maxSeries = options.maxSeries ?? 10_000;
  }

  now(): number {
    return this.clock.now();
  }

  /** A value that only grows. `constant`: labels on every series of the family. The same name gives the same family. */
  counter(name: string, help: string, constant: Labels = {}): Family {
    return this.simple("counter", name, help, constant);
  }

  /** A value that goes up and down. */
  gauge(name: string, help: string, constant: Labels = {}): Family {
    return this.simple("gauge", name, help, constant);
  }

  /** A distribution; `bounds` are ascending, positive upper bounds without +Inf. */
  histogram(name: string, help: string, bounds: readonly number[], constant: Labels = {}): Family<HistogramCell> {
    const known = this.families.get(name);
    if (known !== undefined) {
      if (known.kind === "histogram") return known as Family<HistogramCell>;
      throw clash(name);
    }
    const buckets = createBuckets(bounds);
    const family = new Family<HistogramCell>(
      this,
      { name, help, kind: "histogram", buckets, constant },
      () => new HistogramCell(buckets),
      (cell) => cell.count,
    );
    this.families.set(name, family);
    return family;
  }

  /** Runs `collect` before each rendering: for gauges that are read, not counted. */
  onCollect(collect: () => void): void {
    this.collectors.push(collect);
  }

  /** The families to print, by name, after collectors ran. */
  collect(): AnyFamily[] {
    for (const collect of this.collectors) collect();
    return [...this.families.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Counts a label set that found no place. */
  countDropped(family: string): void {
    this.dropped ??= this.counter(
      "metrics_series_dropped_total",
      "Label sets that were not counted because their family was full",
    );
    if (family !== this.dropped.name) this.dropped.cell({ family }).value++;
  }

  private simple(kind: "counter" | "gauge", name: string, help: string, constant: Labels): Family {
    const known = this.families.get(name);
    if (known !== undefined) {
      if (known.kind === kind) return known as Family;
      throw clash(name);
    }
    const family = new Family<Cell>(this, { name, help, kind, buckets: null, constant }, createCell, (c) => c.value);
    this.families.set(name, family);
    return family;
  }
}

function clash(name: string): MeshError {
  return new MeshError("internal", `Metric "${name}" exists already with another type`);
}

/** Labels in a fixed order, escaped as the Prometheus text format wants it. */
function formatLabels(constant: Labels, labels: Labels): string {
  const all = { ...constant, ...labels };
  let out = "";
  for (const key of Object.keys(all).toSorted()) {
    out += `${out === "" ? "" : ","}${key}="${escapeValue(all[key] ?? "")}"`;
  }
  return out;
}

function escapeValue(value: string): string {
  return /[\\"\n]/.test(value) ? value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n") : value;
}
