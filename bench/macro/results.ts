/** What the bench measured, and how it is written down: ratios against a peer of the same run, never absolute times. */

/** One measured run of one contender. */
export interface Measure {
  readonly contender: string;
  readonly kind: "direct" | "hop" | "pair";
  readonly path: "small" | "large";
  readonly connections: number;
  /** CPU seconds of the proxies per request; 0 for direct. */
  readonly cpuPerRequest: number;
  readonly requestsPerSecond: number;
  readonly failed: number;
}

/** One measured load of measure-loads.ts on one contender. */
export interface LoadMeasure {
  readonly contender: string;
  readonly name: string;
  readonly unit: "request" | "MiB";
  /** CPU seconds of the proxies per unit. */
  readonly cpu: number;
  readonly failed: number;
}

export interface MemoryMeasure {
  readonly contender: string;
  readonly what: string;
  /** KiB. */
  readonly kib: number;
}

export interface LatencyMeasure {
  readonly contender: string;
  readonly kind: "direct" | "hop" | "pair";
  readonly rate: number;
  /** ms */
  readonly p50: number;
  readonly p99: number;
  readonly failed: number;
}

/** The middle one of several runs; with an even number the lower middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

/** "1.23×" */
export function ratio(value: number, reference: number): string {
  return reference > 0 && Number.isFinite(value) ? `${(value / reference).toFixed(2)}×` : "–";
}

/** Groups rounds of the same case and takes the median CPU of each; failures add up. */
export function combine(rounds: readonly Measure[]): Measure[] {
  const groups = new Map<string, Measure[]>();
  for (const measure of rounds) {
    const key = [measure.contender, measure.kind, measure.path, measure.connections].join("|");
    groups.set(key, [...(groups.get(key) ?? []), measure]);
  }
  return [...groups.values()].map((group) => ({
    ...group[0]!,
    cpuPerRequest: median(group.map((measure) => measure.cpuPerRequest)),
    requestsPerSecond: median(group.map((measure) => measure.requestsPerSecond)),
    failed: group.reduce((sum, measure) => sum + measure.failed, 0),
  }));
}

/** The same for loads. */
export function combineLoads(rounds: readonly LoadMeasure[]): LoadMeasure[] {
  const groups = Map.groupBy(rounds, ({ contender, name }) => `${contender}|${name}`);
  return [...groups.values()].map((group) => ({
    ...group[0]!,
    cpu: median(group.map(({ cpu }) => cpu)),
    failed: group.reduce((sum, { failed }) => sum + failed, 0),
  }));
}

/** Markdown: CPU per unit of each contender in each load, as a ratio to the reference's. */
export function loadTable(measures: readonly LoadMeasure[], reference: string): string {
  const contenders = [...new Set(measures.map(({ contender }) => contender))];
  const lines = [`| load | per | ${contenders.join(" | ")} |`, `|---|---|${contenders.map(() => "---|").join("")}`];
  for (const [name, same] of Map.groupBy(measures, (measure) => measure.name)) {
    const base = same.find(({ contender }) => contender === reference)?.cpu ?? 0;
    const cells = contenders.map((contender) => {
      const found = same.find((measure) => measure.contender === contender);
      if (found === undefined) return "–";
      return `${ratio(found.cpu, base)}${found.failed > 0 ? ` (${found.failed} failed)` : ""}`;
    });
    lines.push(`| ${name} | ${same[0]!.unit} | ${cells.join(" | ")} |`);
  }
  return `${lines.join("\n")}\n`;
}

/** Markdown: what each state of our proxy costs more than the first one, µs per request over both sides of a pair. */
export function featureTable(measures: readonly LoadMeasure[]): string {
  const states = [...new Set(measures.map(({ contender }) => contender))];
  const names = [...new Set(measures.map(({ name }) => name))];
  const lines = [`| state | ${names.join(" | ")} |`, `|---|${names.map(() => "---|").join("")}`];
  const cost = (state: string, name: string): number =>
    (measures.find((measure) => measure.contender === state && measure.name === name)?.cpu ?? Number.NaN) * 1e6;
  const [bare = ""] = states;
  for (const state of states) {
    const cells = names.map((name) => {
      const more = cost(state, name) - cost(bare, name);
      return state === bare ? cost(state, name).toFixed(1) : `${more < 0 ? "−" : "+"}${Math.abs(more).toFixed(1)}`;
    });
    lines.push(`| ${state} | ${cells.join(" | ")} |`);
  }
  return `${lines.join("\n")}\n`;
}

/** Markdown: CPU per request of each contender, as a ratio to the reference contender's in the same case. */
export function cpuTable(measures: readonly Measure[], reference: string): string {
  const contenders = [
    ...new Set(measures.filter((measure) => measure.kind !== "direct").map((measure) => measure.contender)),
  ];
  const rows = [...new Set(measures.filter((measure) => measure.kind !== "direct").map(caseOf))];
  const find = (name: string, row: string): Measure | undefined =>
    measures.find((measure) => measure.contender === name && caseOf(measure) === row);
  const lines = [`| case | ${contenders.join(" | ")} |`, `|---|${contenders.map(() => "---|").join("")}`];
  for (const row of rows) {
    const base = find(reference, row)?.cpuPerRequest ?? 0;
    const cells = contenders.map((name) => {
      const found = find(name, row);
      if (found === undefined) return "–";
      return `${ratio(found.cpuPerRequest, base)}${found.failed > 0 ? ` (${found.failed} failed)` : ""}`;
    });
    lines.push(`| ${row} | ${cells.join(" | ")} |`);
  }
  return `${lines.join("\n")}\n`;
}

/** Markdown: requests per second, as a ratio to the direct connection's. */
export function throughputTable(measures: readonly Measure[]): string {
  const lines = ["| case | contender | of direct |", "|---|---|---|"];
  for (const measure of measures) {
    if (measure.kind === "direct") continue;
    const direct = measures.find(
      (other) => other.kind === "direct" && other.path === measure.path && other.connections === measure.connections,
    );
    lines.push(
      `| ${caseOf(measure)} | ${measure.contender} | ${ratio(measure.requestsPerSecond, direct?.requestsPerSecond ?? 0)} |`,
    );
  }
  return `${lines.join("\n")}\n`;
}

/** Markdown: latencies at a fixed rate, as ratios to the direct connection's. */
export function latencyTable(measures: readonly LatencyMeasure[]): string {
  const direct = measures.find((measure) => measure.kind === "direct");
  const lines = ["| case | contender | p50 of direct | p99 of direct | failed |", "|---|---|---|---|---|"];
  for (const measure of measures) {
    if (measure.kind === "direct") continue;
    lines.push(
      `| ${measure.kind}, ${measure.rate}/s | ${measure.contender} | ${ratio(measure.p50, direct?.p50 ?? 0)} | ${ratio(measure.p99, direct?.p99 ?? 0)} | ${measure.failed} |`,
    );
  }
  return `${lines.join("\n")}\n`;
}

export function memoryTable(measures: readonly MemoryMeasure[]): string {
  const lines = ["| what | contender | private memory |", "|---|---|---|"];
  for (const measure of measures) lines.push(`| ${measure.what} | ${measure.contender} | ${size(measure.kib)} |`);
  return `${lines.join("\n")}\n`;
}

function size(kib: number): string {
  return kib >= 1024 ? `${(kib / 1024).toFixed(1)} MiB` : `${kib.toFixed(1)} KiB`;
}

function caseOf(measure: Measure): string {
  const what = measure.kind === "pair" ? "mTLS pair" : "plaintext hop";
  return `${what}, ${measure.connections} connections, ${measure.path === "small" ? "32 B" : "100 KB"}`;
}
