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
