/** Live requests as pages keep them. Pure. */
import type { TapRow } from "#viz/web/view.ts";

/** Requests that a page keeps; older ones go. */
export const keptRows = 300;

/** Newest first; a request that goes on keeps its place when it ends. */
export function addRows(known: readonly TapRow[], fresh: readonly TapRow[]): readonly TapRow[] {
  const changed = new Map(fresh.map((row) => [row.key, row]));
  const kept = known.map((row) => {
    const now = changed.get(row.key);
    if (now !== undefined) changed.delete(row.key);
    return now ?? row;
  });
  return [...[...changed.values()].toReversed(), ...kept].slice(0, keptRows);
}

/** Requests of one kind together. */
export interface TopRow {
  readonly key: string;
  readonly from: string;
  readonly to: string;
  readonly method: string;
  readonly path: string;
  readonly count: number;
  readonly succeeded: number;
  /** ms; of requests that ended. */
  readonly best: number;
  readonly worst: number;
  readonly last: number;
}

/** Kinds that a page keeps; the rest is told apart no more. */
export const keptKinds = 500;

export function failed({ status, end }: TapRow): boolean {
  return (
    (status !== null && status >= 500) || (end !== null && ((end.reset ?? 0) !== 0 || (end.grpcStatus ?? 0) !== 0))
  );
}

/** Counts the requests that ended. `known` is changed. */
export function countRows(known: Map<string, TopRow>, fresh: readonly TapRow[]): void {
  for (const row of fresh) {
    if (row.end === null) continue;
    // Queries make paths of one route different.
    const path = row.path.split("?", 1)[0] ?? "";
    const key = JSON.stringify([row.from, row.to, row.method, path]);
    const before = known.get(key);
    if (before === undefined && known.size >= keptKinds) continue;
    const { duration } = row.end;
    known.set(key, {
      key,
      from: row.from.name,
      to: row.to.name,
      method: row.method,
      path,
      count: (before?.count ?? 0) + 1,
      succeeded: (before?.succeeded ?? 0) + (failed(row) ? 0 : 1),
      best: Math.min(before?.best ?? Number.POSITIVE_INFINITY, duration),
      worst: Math.max(before?.worst ?? 0, duration),
      last: duration,
    });
  }
}
