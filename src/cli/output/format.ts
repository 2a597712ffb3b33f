/** Numbers as the metrics tables show them. */

/** "97.50%", or "-" without a value. */
export function percent(value: number | null): string {
  return value === null ? "-" : `${(value * 100).toFixed(2)}%`;
}

/** "12.3rps" below a thousand, else "1234.5rps"; "-" without a value. */
export function rps(value: number | null): string {
  return value === null ? "-" : `${value.toFixed(1)}rps`;
}

/** Whole milliseconds, "<1ms"-free as linkerd prints them: "12ms"; "-" without a value. */
export function milliseconds(value: number | null): string {
  return value === null ? "-" : `${Math.round(value)}ms`;
}

/** "1234.5B/s" with the unit that keeps the number short; "-" without a value. */
export function byteRate(value: number | null): string {
  if (value === null) return "-";
  const units = ["B/s", "KB/s", "MB/s", "GB/s"];
  let rest = value;
  let unit = 0;
  while (rest >= 1000 && unit < units.length - 1) {
    rest /= 1000;
    unit++;
  }
  return `${rest.toFixed(1)}${units[unit]}`;
}

/** A duration such as "30s", "1m", "1m30s", "24h0m0s", "500ms" in ms, or null when it is none. */
export function parseDuration(text: string): number | null {
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return null;
  let total = 0;
  for (const [, value, , unit] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(value) * (units[unit ?? ""] ?? Number.NaN);
  }
  return total;
}
