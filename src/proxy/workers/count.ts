/** How many processes carry traffic. */

/** What LINKERD2_PROXY_CORES… say. */
export interface WorkerSettings {
  /** CORES_MIN, or the older CORES; default 1. */
  readonly min: number;
  /** CORES_MAX; null: not set. */
  readonly max: number | null;
  /** CORES_MAX_RATIO: a share of the machine's cores, 0–1; null: not set. */
  readonly maxRatio: number | null;
}

/** More would be asked for by mistake: each costs the memory of a proxy. */
const mostWorkers = 16;

/**
 * The smaller of the two upper limits that are set, and of the cores that this process may run on; never under the minimum.
 * Without an upper limit the minimum, which is 1.
 * @param available cores of the machine, or of the container's CPU set
 */
export function workerCount({ min, max, maxRatio }: WorkerSettings, available: number): number {
  const byRatio = maxRatio === null ? Number.POSITIVE_INFINITY : Math.round(maxRatio * available);
  const wanted = max === null && maxRatio === null ? min : Math.min(max ?? available, byRatio, available);
  return Math.min(mostWorkers, Math.max(1, min, wanted));
}
