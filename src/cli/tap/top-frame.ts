/** The screen of `viz top` as lines of text. Pure; everything that comes from requests is escaped. */
import { percent } from "../output/format.ts";
import { printable } from "../output/printable.ts";
import type { TopRow } from "./top-table.ts";

export interface TopColumn {
  readonly header: string;
  readonly text: (row: TopRow) => string;
  /** What rows are ordered by, larger first unless reversed; texts in the order of the alphabet. */
  readonly order: (row: TopRow) => number | string;
  /** Numbers have their own width; texts share what is left of the line by these parts. */
  readonly share: number;
}

const texts = (
  header: string,
  key: "source" | "destination" | "method" | "path" | "route",
  share: number,
): TopColumn => ({
  header,
  text: (row) => row[key],
  order: (row) => row[key],
  share,
});
const number = (header: string, order: (row: TopRow) => number, text: (value: number) => string): TopColumn => ({
  header,
  text: (row) => text(order(row)),
  order,
  share: 0,
});

export function topColumns(options: { readonly hideSources: boolean; readonly byRoute: boolean }): TopColumn[] {
  return [
    ...(options.hideSources ? [] : [texts("Source", "source", 3)]),
    texts("Destination", "destination", 3),
    texts("Method", "method", 1),
    texts("Path", "path", 4),
    ...(options.byRoute ? [texts("Route", "route", 2)] : []),
    number("Count", ({ count }) => count, String),
    number("Best", ({ best }) => best, duration),
    number("Worst", ({ worst }) => worst, duration),
    number("Last", ({ last }) => last, duration),
    number("Success Rate", ({ count, successes }) => successes / count, percent),
  ];
}

/** "850µs", "12ms", "1.5s": three digits or fewer. */
export function duration(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1000)}µs`;
  if (ms < 1000) return `${Math.round(ms)}ms`;
  return ms < 100_000 ? `${(ms / 1000).toFixed(1)}s` : `${Math.round(ms / 1000)}s`;
}

export interface TopView {
  readonly columns: readonly TopColumn[];
  /** Which column rows are ordered by. */
  readonly sort: number;
  readonly reverse: boolean;
  /** Rows that are scrolled away. */
  readonly offset: number;
  /** The first line: what is looked at, and how it goes. */
  readonly title: string;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

const help = "q quit   ←→ sort   r reverse   ↑↓ scroll   p pause   c clear";
/** Lines that are no rows: title, header, help. */
export const frameLines = 3;
const gap = 2;
/** A text has at least so many columns; on a screen too narrow for that the line is cut. */
const narrowest = 4;

export function sorted(
  rows: readonly TopRow[],
  { columns, sort, reverse }: Pick<TopView, "columns" | "sort" | "reverse">,
) {
  const column = columns[sort];
  if (column === undefined) return [...rows];
  const sign = reverse ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [x, y] = [column.order(a), column.order(b)];
    const order = typeof x === "number" && typeof y === "number" ? y - x : x < y ? -1 : x > y ? 1 : 0;
    return order * sign || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
  });
}

/** As many lines as the screen has, none wider than it. */
export function topFrame(rows: readonly TopRow[], view: TopView, size: Size): string[] {
  const shown = sorted(rows, view).slice(view.offset, view.offset + Math.max(0, size.rows - frameLines));
  const headers = view.columns.map(({ header }, at) =>
    at === view.sort ? `${header}${view.reverse ? "▲" : "▼"}` : header,
  );
  const cells = shown.map((row) => view.columns.map(({ text }) => printable(text(row))));
  const widths = columnWidths(view.columns, [headers, ...cells], size.columns);
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, at) => pad(text, widths[at] ?? 0, view.columns[at]?.share === 0))
      .join(" ".repeat(gap))
      .trimEnd();
  const lines = [printable(view.title), line(headers), ...cells.map(line)];
  while (lines.length < size.rows - 1) lines.push("");
  const left = rows.length - view.offset - shown.length;
  lines.push(left > 0 ? `${help}   ${left} more below` : help);
  return lines.slice(0, size.rows).map((text) => cut(text, size.columns));
}

function columnWidths(columns: readonly TopColumn[], lines: ReadonlyArray<readonly string[]>, width: number): number[] {
  const wanted = columns.map((_, at) => Math.max(...lines.map((line) => Bun.stringWidth(line[at] ?? ""))));
  const widths = columns.map(({ share }, at) => (share === 0 ? (wanted[at] ?? 0) : 0));
  const room = width - gap * (columns.length - 1);
  let left = width - gap * (columns.length - 1) - widths.reduce((sum, one) => sum + one, 0);
  // Narrow columns take what they need, the others share the rest.
  let open = columns.map((_, at) => at).filter((at) => (columns[at]?.share ?? 0) > 0);
  for (;;) {
    const shares = open.reduce((sum, at) => sum + (columns[at]?.share ?? 0), 0);
    const part = (at: number): number => Math.floor((Math.max(0, left) * (columns[at]?.share ?? 0)) / shares);
    const fit = open.filter((at) => (wanted[at] ?? 0) <= part(at));
    if (fit.length === 0) {
      for (const at of open) widths[at] = Math.max(narrowest, part(at));
      return shrunk(columns, widths, room);
    }
    for (const at of fit) {
      widths[at] = wanted[at] ?? 0;
      left -= wanted[at] ?? 0;
    }
    open = open.filter((at) => !fit.includes(at));
    if (open.length === 0) return widths;
  }
}

/** What is still too wide for a line is taken from the widest of the texts. */
function shrunk(columns: readonly TopColumn[], widths: number[], room: number): number[] {
  const all = (): number => widths.reduce((sum, one) => sum + one, 0);
  while (all() > room) {
    const at = widths.reduce(
      (widest, width, index) =>
        (columns[index]?.share ?? 0) > 0 && (widest < 0 || width > (widths[widest] ?? 0)) ? index : widest,
      -1,
    );
    if ((widths[at] ?? 0) <= narrowest) break;
    widths[at] = (widths[at] ?? 0) - 1;
  }
  return widths;
}

function pad(text: string, width: number, right: boolean): string {
  const fitting = cut(text, width);
  const padding = " ".repeat(Math.max(0, width - Bun.stringWidth(fitting)));
  return right ? padding + fitting : fitting + padding;
}

/** The text in so many columns of a terminal, with "…" where something is missing. */
export function cut(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  let out = "";
  let used = 0;
  for (const { segment } of segmenter.segment(text)) {
    const wide = Bun.stringWidth(segment);
    if (used + wide > width - 1) break;
    out += segment;
    used += wide;
  }
  return width > 0 ? `${out}…` : "";
}

const segmenter = new Intl.Segmenter();
