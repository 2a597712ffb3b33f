/** Reading objects of unknown content for printing: what is missing reads as empty. */

export type Rec = Record<string, unknown>;

export function rec(value: unknown): Rec {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Rec) : {};
}

export function list(value: unknown): Rec[] {
  return Array.isArray(value) ? value.map(rec) : [];
}

export function str(value: unknown): string {
  return value === undefined || value === null ? "" : String(value);
}

export function num(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

/** Joined by commas; `none` for an empty list. */
export function joined(values: readonly string[], none = "<none>"): string {
  return values.length === 0 ? none : values.join(",");
}

/** "a=1,b=2" of a map. */
export function pairs(value: unknown, none = "<none>"): string {
  return joined(
    Object.entries(rec(value))
      .map(([key, item]) => `${key}=${str(item)}`)
      .sort(),
    none,
  );
}
