/** When certificates count as expiring: warnings of `check` begin then, and an upgrade makes its own ones anew. */

/** ms before the end of a certificate's validity: 60 days. */
export const renewBefore = 60 * 24 * 3_600_000;
