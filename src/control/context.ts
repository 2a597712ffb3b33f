import type { Clock } from "#lib/clock.ts";
import type { DrainSignal } from "#lib/drain.ts";
import type { Log } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import type { Random } from "#lib/random.ts";

/** What `main.ts` hands to each of the control plane's programs. */
export interface ControlContext {
  /** Flags, without the program's name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly registry: Registry;
  /** Starts on SIGTERM; hold it for what should finish. */
  readonly drain: DrainSignal;
}

/** A program that runs. */
export interface RunningProgram {
  /** Closes what is open; called when the drain is over. */
  stop(): Promise<void>;
}

/** The `start` that a program's `app.ts` exports: resolves when it serves, throws when it can't. */
export type StartProgram = (context: ControlContext) => Promise<RunningProgram>;

/**
 * How long a webhook answers on after it was told to stop, ms: API servers send reviews until every node has heard that the
 * pod goes, and an unanswered one means a pod without a proxy.
 */
export const webhookFarewell = 3000;
