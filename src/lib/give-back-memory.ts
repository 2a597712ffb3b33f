/** Gives memory back that a long-running program no longer uses. */
import type { Clock, Timer } from "./clock.ts";

/** How long after the start nothing of the start is needed any more, ms. */
export const settleTime = 15_000;
/** Time between two later rounds, ms: what a burst of work left is kept no longer than this. */
export const roundTime = 600_000;

/**
 * Drops code that was compiled and not called lately, and what lies about unused: a fifth of an idle controller's private
 * memory, once `settleTime` has passed and then every `roundTime`. One round stops the program for about the time of a full
 * collection (5 ms at 5 MB); dropped code is made again when it is called. So it is not for the data plane.
 */
export function giveBackMemory(clock: Clock, shrink: () => void = Bun.shrink): Timer {
  let timer = clock.after(settleTime, round);
  function round(): void {
    shrink();
    timer = clock.after(roundTime, round);
  }
  return { cancel: () => timer.cancel() };
}
