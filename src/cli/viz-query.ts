/** The flags and arguments that every question to the metrics API shares. */
import type { Command } from "commander";
import { parseDuration } from "#lib/duration.ts";
import { MeshError } from "#lib/errors.ts";
import { parseResource } from "#viz/client/resource-kinds.ts";
import type { StatRequest } from "#viz/client/stat-row.ts";
import { cluster, namespaceOr } from "./cluster.ts";
import type { Context } from "./globals.ts";
import { vizRows } from "./viz-api.ts";

export interface QueryOptions {
  readonly vizNamespace: string;
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly timeWindow?: string;
  readonly to?: string;
  readonly toNamespace?: string;
  readonly from?: string;
  readonly fromNamespace?: string;
  readonly selector?: string;
  readonly unmeshed?: boolean;
  readonly output: string;
}

export const vizNamespaceFlag = [
  "--viz-namespace <namespace>",
  "namespace of the viz extension",
  "linkerd-viz",
] as const;

/** Adds the resource, its namespace and the extension's. */
export function addResource(command: Command): Command {
  return command
    .argument("<resource>", "TYPE, TYPE/NAME or TYPE NAME, e.g. deploy/web")
    .argument("[name]")
    .option("-n, --namespace <namespace>", "namespace of the resource")
    .option(...vizNamespaceFlag);
}

/** Adds the window of the numbers. */
export function addWindow(command: Command): Command {
  return command.option("-t, --time-window <duration>", "window of the numbers, at least 15s", "1m");
}

/** The namespace that is meant; null for all. */
export function namespaceOf(context: Context, options: QueryOptions): string | null {
  if (options.allNamespaces === true) return null;
  if (options.namespace !== undefined) return options.namespace;
  return context.globals.apiAddr === undefined ? namespaceOr(cluster(context), undefined) : "default";
}

/** Asks the extension. */
export async function askViz<Row>(
  context: Context,
  options: QueryOptions,
  answer: string,
  request: StatRequest,
): Promise<Row[]> {
  return await vizRows<Row>(() => cluster(context), options.vizNamespace, context.globals.apiAddr, answer, request);
}

export function queryOf(args: readonly string[], options: QueryOptions, namespace: string | null): StatRequest {
  const text = options.timeWindow ?? "1m";
  const window = parseDuration(text);
  if (window === null) {
    throw new MeshError(
      "invalid-argument",
      `Flag --time-window has the value "${text}"; use a duration such as 30s or 1m`,
    );
  }
  if (window < 15_000) throw new MeshError("invalid-argument", `Flag --time-window is ${text}; use at least 15s`);
  if (options.to !== undefined && options.from !== undefined) {
    throw new MeshError("invalid-argument", "Use either --to or --from, not both");
  }
  return {
    resource: parseResource(args, namespace),
    window,
    ...(options.to === undefined ? {} : { to: parseResource([options.to], options.toNamespace ?? namespace) }),
    ...(options.from === undefined ? {} : { from: parseResource([options.from], options.fromNamespace ?? namespace) }),
    ...(options.selector === undefined ? {} : { selector: options.selector }),
    unmeshed: options.unmeshed === true,
  };
}

/** Says on standard error that there is nothing to print. */
export function sayNothingFound({ terminal }: Context, what: string, namespace: string | null): void {
  terminal.err(`${what}${namespace === null ? "" : ` in namespace "${namespace}"`}\n`);
}
