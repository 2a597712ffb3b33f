/** Reads the Prometheus text format (version 0.0.4), just far enough for scraping: names, labels, values. */

/** One sample line, without its time stamp. */
export interface Sample {
  readonly name: string;
  /** The text between the braces as it stands, "" without labels: a cheap key for series already known. */
  readonly labelText: string;
  readonly value: number;
}

/** Calls `onSample` for each well-formed sample line; returns how many lines were not understood. */
export function parseExposition(text: string, onSample: (sample: Sample) => void): number {
  let malformed = 0;
  let start = 0;
  while (start < text.length) {
    let end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    const first = text.charCodeAt(start);
    // '#' comments and empty lines (also "\r\n" ends) carry no samples.
    if (first !== 35 && end > start && first !== 13) {
      const sample = parseLine(text, start, end);
      if (sample === null) malformed++;
      else onSample(sample);
    }
    start = end + 1;
  }
  return malformed;
}

function parseLine(text: string, start: number, end: number): Sample | null {
  const brace = text.slice(start, Math.min(end, start + 200)).indexOf("{") + start;
  let name: string;
  let labelText = "";
  let rest: number;
  if (brace >= start) {
    name = text.slice(start, brace);
    const close = closingBrace(text, brace + 1, end);
    if (close < 0) return null;
    labelText = text.slice(brace + 1, close);
    rest = close + 1;
  } else {
    const space = text.indexOf(" ", start);
    if (space < 0 || space >= end) return null;
    name = text.slice(start, space);
    rest = space;
  }
  if (!/^[A-Za-z_:][\w:]*$/.test(name)) return null;
  const token = text.slice(rest, end).trim().split(/\s+/)[0] ?? "";
  const value = parseValue(token);
  return value === null ? null : { name, labelText, value };
}

/** The index of the brace that ends the labels; quoted values may contain braces and escaped quotes. */
function closingBrace(text: string, from: number, end: number): number {
  let quoted = false;
  for (let i = from; i < end; i++) {
    const c = text.charCodeAt(i);
    if (quoted && c === 92) i++;
    else if (c === 34) quoted = !quoted;
    else if (!quoted && c === 125) return i;
  }
  return -1;
}

function parseValue(token: string): number | null {
  if (token === "+Inf") return Number.POSITIVE_INFINITY;
  if (token === "-Inf") return Number.NEGATIVE_INFINITY;
  if (token === "NaN") return Number.NaN;
  if (token === "") return null;
  const value = Number(token);
  return Number.isNaN(value) ? null : value;
}

/** The labels of a sample, unescaped (`\\`, `\"`, `\n`). A malformed rest is dropped. */
export function parseLabels(labelText: string): Map<string, string> {
  const labels = new Map<string, string>();
  for (const match of labelText.matchAll(/([A-Za-z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"/g)) {
    const value = (match[2] ?? "").replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));
    labels.set(match[1] ?? "", value);
  }
  return labels;
}
