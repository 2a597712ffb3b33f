/** When to renew a certificate. */

export interface RenewalLimits {
  /** Shortest and longest time between renewals, ms. Defaults in the settings: 10 s and 24 h. */
  readonly min: number;
  readonly max: number;
}

/** The part of its life after which a certificate is renewed, so that there is time for many retries. */
const renewAt = 0.7;

/**
 * ms from `now` to the renewal of a certificate that has just come and ends at `validUntil` (both ms since 1970):
 * at 70 % of its life, within the limits. A life too short for the lower limit is still renewed at 70 %, because a
 * certificate that expires is worse than a busy identity service. One that has ended already waits for the limit.
 */
export function renewalDelay(now: number, validUntil: number, limits: RenewalLimits): number {
  const life = validUntil - now;
  if (life <= 0) return limits.min;
  return Math.min(life * renewAt, limits.max);
}
