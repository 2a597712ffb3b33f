import type { IgnoredValue } from "#manifests/values/rules.ts";
import type { Context } from "../globals.ts";

/** Tells of values that are taken and have no effect: what users don't hear of they look for later. */
export function noteIgnored(context: Context, ignored: readonly IgnoredValue[]): void {
  for (const { path, why } of ignored) context.terminal.err(`‼ Value "${path}" has no effect here: ${why}\n`);
}
