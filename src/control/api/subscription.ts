import type { DrainSignal } from "#lib/drain.ts";
import { MeshError } from "#lib/errors.ts";
import type { CallContext } from "#rpc/service.ts";
import { statusOfError } from "#rpc/status.ts";
import type { Lease } from "../index/derivations.ts";

/** What a stream's end needs of its writer. */
export interface StreamEnd {
  readonly ended: boolean;
  open(): void;
  end(status: { readonly code: number; readonly message: string }): void;
}

export interface FollowOptions {
  readonly context: Pick<CallContext, "onCancel">;
  readonly writer: StreamEnd;
  /** A program that stops ends its streams, so that clients go to another replica. */
  readonly drain: DrainSignal;
  readonly onStart: () => void;
  /** Exactly once after `onStart`. */
  readonly onStop: () => void;
  /** The writer cut the stream because too much waited. */
  readonly onOverflow: () => void;
}

/**
 * Sends a value now and after each change, until the client leaves, is cut, or the program stops. `send` returns false when the
 * writer takes nothing more; it may throw a MeshError to end the stream with that status. The result ends the stream.
 */
export function follow<T>(
  lease: Lease<T>,
  send: (value: T) => boolean,
  options: FollowOptions,
): (error: MeshError) => void {
  const { writer } = options;
  let stopped = false;
  let unwatch = (): void => {};
  let undrain = (): void => {};
  const stop = (): void => {
    if (stopped) return;
    stopped = true;
    unwatch();
    undrain();
    lease.release();
    options.onStop();
  };
  const fail = (error: MeshError): void => {
    if (stopped) return;
    writer.end(statusOfError(error));
    stop();
  };
  const push = (value: T): void => {
    if (stopped) return;
    try {
      if (send(value)) return;
      options.onOverflow();
      stop();
    } catch (thrown) {
      fail(
        thrown instanceof MeshError ? thrown : new MeshError("internal", "Sending an update failed", { cause: thrown }),
      );
    }
  };
  options.onStart();
  unwatch = lease.value.watch(push);
  undrain = options.drain.onDrain(() => {
    fail(new MeshError("unavailable", "The server is shutting down"));
  });
  options.context.onCancel(stop);
  if (stopped) return fail;
  push(lease.value.get());
  if (!stopped) writer.open();
  return fail;
}
