/** The Prometheus text exposition format, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). */
import { HistogramCell, type Cell } from "./cell.ts";
import type { Registry } from "./registry.ts";

export const textContentType = "text/plain; version=0.0.4; charset=utf-8";

/** Everything at once, for small registries and tests. */
export function text(registry: Registry): string {
  return [...chunks(registry, Number.POSITIVE_INFINITY)].join("");
}

/** The same text in parts of about `lines` lines, so that a server can serve others between two parts. */
export function* chunks(registry: Registry, lines = 1000): Generator<string> {
  let out = "";
  let count = 0;
  for (const family of registry.collect()) {
    const bounds = family.buckets?.bounds ?? [];
    // A histogram is one series here and a line per bound in the output.
    const weight = bounds.length + 3;
    let started = false;
    for (const [labels, cell] of family.living()) {
      if (!started) {
        started = true;
        out += `# HELP ${family.name} ${family.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${family.name} ${family.kind}\n`;
      }
      out +=
        cell instanceof HistogramCell
          ? histogramLines(family.name, bounds, labels, cell)
          : simpleLine(family.name, labels, cell);
      count += cell instanceof HistogramCell ? weight : 1;
      if (count >= lines) {
        yield out;
        out = "";
        count = 0;
      }
    }
  }
  if (out !== "") yield out;
}

/** {@link chunks} with a turn for others after each. */
export async function* chunksInTurns(registry: Registry, lines: number): AsyncGenerator<string, void> {
  for (const part of chunks(registry, lines)) {
    yield part;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** {@link text} with turns for others after every so many lines. */
export async function textInTurns(registry: Registry, lines: number): Promise<string> {
  let out = "";
  for await (const part of chunksInTurns(registry, lines)) out += part;
  return out;
}

function simpleLine(name: string, labels: string, cell: Cell): string {
  return `${name}${labels === "" ? "" : `{${labels}}`} ${formatNumber(cell.value)}\n`;
}

function histogramLines(name: string, bounds: readonly number[], labels: string, cell: HistogramCell): string {
  const prefix = labels === "" ? "" : `${labels},`;
  let out = "";
  let cumulative = 0;
  for (let index = 0; index < cell.counts.length; index++) {
    cumulative += cell.counts[index] ?? 0;
    const bound = bounds[index];
    out += `${name}_bucket{${prefix}le="${bound === undefined ? "+Inf" : formatNumber(bound)}"} ${cumulative}\n`;
  }
  const braces = labels === "" ? "" : `{${labels}}`;
  return `${out}${name}_sum${braces} ${formatNumber(cell.sum)}\n${name}_count${braces} ${cell.count}\n`;
}

function formatNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
