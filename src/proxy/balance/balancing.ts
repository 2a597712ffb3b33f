/** How a balancer chooses, as a policy has it. Times are ms. */
import type { AccrualOptions } from "./accrual.ts";
import type { Affinity } from "./affinity.ts";
import { decayTime, defaultRtt } from "./ewma.ts";

export interface Balancing {
  /** Null: requests that fail take no endpoint out of use. */
  readonly accrual: AccrualOptions | null;
  readonly ejection: EjectionLimit;
  /** For so long a new endpoint, or one that is back in use, gets a growing share; 0: a whole one at once. */
  readonly slowStart: number;
  /**
   * The share (0–1) of the endpoints in the client's zone that must be in use for all requests to stay in it; with fewer,
   * requests spill over in proportion. Null: zones make no difference.
   */
  readonly zone: number | null;
  /** Requests that belong together go to one endpoint. Null: none do. */
  readonly affinity: Affinity | null;
  /** Endpoints that ask for fewer requests, or fail, look slower than they are. Null: they don't. */
  readonly bias: Bias | null;
  /** Of latency: what counts until something was measured, and how fast the past is forgotten. */
  readonly rtt: number;
  readonly decay: number;
}

export interface EjectionLimit {
  /** Failures leave so many endpoints in use. */
  readonly minReady: number;
  /** Failures take out no more than this share (0–1), though one of two always. 0: there is no such limit. */
  readonly maxShare: number;
}

export interface Bias {
  /** Such an answer counts as this slow. */
  readonly penalty: number;
  /** Retry-After is believed up to here. */
  readonly maxRetryAfter: number;
  readonly decay: number;
}

export const noLimit: EjectionLimit = { minReady: 0, maxShare: 0 };

/** As Linkerd does unless annotations say otherwise. */
export const plainBalancing: Balancing = {
  accrual: null,
  ejection: noLimit,
  slowStart: 0,
  zone: null,
  affinity: null,
  bias: null,
  rtt: defaultRtt,
  decay: decayTime,
};
