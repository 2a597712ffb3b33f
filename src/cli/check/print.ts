/** Runs categories, then extensions, and prints them in the wanted form while they run. */
import { systemClock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import { version } from "#lib/version.ts";
import type { KubeClient } from "#kube/client.ts";
import { cluster } from "../cluster.ts";
import { ExitSignal } from "../exit-code.ts";
import type { Context } from "../globals.ts";
import { parseDuration } from "#lib/duration.ts";
import { redraw } from "../output/progress.ts";
import { oneOf } from "../shell.ts";
import { type Category, type CategoryResult, type CheckScope, Facts } from "./check.ts";
import { categoryHeading, checkLine, jsonForm, shortForm, verdict } from "./output.ts";
import { runChecks, succeeded } from "./run.ts";

export interface PrintOptions {
  readonly namespace?: string;
  readonly wait: string;
  readonly output: string;
  readonly pre?: boolean;
  readonly linkerdCniEnabled?: boolean;
  readonly expectedVersion?: string;
  readonly cliVersionOverride?: string;
}

/** Results that come from elsewhere, after the categories; `wait` is what is left, ms. */
export type MoreResults = (wait: number) => AsyncIterable<CategoryResult>;

/** Ends with exit code 1 when a check failed. */
export async function printChecks(
  context: Context,
  options: PrintOptions,
  categories: readonly Category[],
  more: MoreResults | null = null,
  vizNamespace = "linkerd-viz",
): Promise<void> {
  const { out, colour } = context.terminal;
  const output = oneOf("--output", options.output, ["table", "json", "short"]);
  const wait = parseDuration(options.wait);
  if (wait === null)
    throw new MeshError(
      "invalid-argument",
      `Flag --wait has the value "${options.wait}"; use a duration such as 30s or 5m`,
    );
  let client: KubeClient | null = null;
  const scope: CheckScope = {
    client: () => (client ??= cluster(context)),
    linkerdNamespace: context.globals.linkerdNamespace,
    cniNamespace: context.globals.cniNamespace,
    vizNamespace,
    dataPlaneNamespace: options.namespace ?? null,
    pre: options.pre === true,
    cniEnabled: options.linkerdCniEnabled === true,
    cliVersion: options.cliVersionOverride ?? version,
    expectedVersion: options.expectedVersion ?? null,
    wall: () => Date.now(),
    facts: new Facts(),
  };
  const live = output === "table";
  let firstCategory = true;
  const begin = (id: string): void => {
    if (!live) return;
    out(`${firstCategory ? "" : "\n"}${categoryHeading(id)}`);
    firstCategory = false;
  };
  const start = performance.now();
  const results = await runChecks(categories, scope, {
    clock: systemClock,
    wait,
    onCategory: begin,
    onRetry: (check, error) => {
      redraw(context.terminal, `| ${check.description}: ${error.split("\n")[0] ?? ""}`);
    },
    onResult: (result) => {
      redraw(context.terminal, "");
      if (live) out(checkLine(result, colour));
    },
  });
  for await (const result of more === null ? [] : more(Math.max(1000, wait - (performance.now() - start)))) {
    redraw(context.terminal, "");
    results.push(result);
    begin(result.category);
    if (live) out(result.checks.map((check) => checkLine(check, colour)).join(""));
  }
  if (output === "json") out(jsonForm(results));
  else if (output === "short") out(shortForm(results, colour));
  else out(`\n${verdict(results, colour)}`);
  if (!succeeded(results)) throw new ExitSignal(1);
}
