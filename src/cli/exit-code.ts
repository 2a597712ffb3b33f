/** The edge where errors become what a user sees: one message, an exit code, never a stack trace. */
import { MeshError } from "#lib/errors.ts";
import { explain } from "./explain.ts";
import type { Terminal } from "./globals.ts";

/** Thrown by a command that has printed its result and only has to end with this code (for example a failed check). */
export class ExitSignal extends Error {
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`exit ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** Says what went wrong on standard error and gives the exit code, 1 unless the command chose another. */
export function reportFailure(thrown: unknown, terminal: Terminal, verbose: boolean): number {
  if (thrown instanceof ExitSignal) return thrown.exitCode;
  terminal.err(`Error: ${explain(thrown)}\n`);
  if (!(thrown instanceof MeshError)) {
    terminal.err(
      "This is a bug of linkerd. Please report it with the command that you typed and the output of --verbose\n",
    );
  }
  if (verbose && thrown instanceof Error && thrown.stack !== undefined) terminal.err(`${thrown.stack}\n`);
  return 1;
}
