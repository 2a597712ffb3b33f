/** `linkerd viz tap`: live requests, one event a line. */
import type { Command } from "commander";
import { MeshError } from "#lib/errors.ts";
import { openTap } from "#viz/client/tap-client.ts";
import type { TapEvent } from "#viz/client/tap-event.ts";
import { cluster, namespaceOr } from "../cluster.ts";
import type { Context } from "../globals.ts";
import { compileJsonPath } from "../output/json-path.ts";
import { printable, printableJson } from "../output/printable.ts";
import type { Shell } from "../shell.ts";
import { eventLine } from "../tap/event-line.ts";
import { addTapOptions, explained, tapRequest, type TapOptions } from "../tap/tap-options.ts";

export function registerTap(viz: Command, shell: Shell): void {
  addTapOptions(viz.command("tap").description("Listen to the live requests of a resource"))
    .option("-o, --output <format>", "wide, json or jsonpath=TEMPLATE (default: the plain lines)", "")
    .addHelpText(
      "after",
      `
Examples:
  linkerd viz tap deploy/web -n emojivoto                         # what web is asked and what it asks
  linkerd viz tap deploy/web --to deploy/voting -n emojivoto      # only what it asks voting
  linkerd viz tap ns/emojivoto --method POST --path /api --max-rps 10
  linkerd viz tap deploy/web -n emojivoto -o json | jq .requestInitEvent.headers
  linkerd viz tap deploy/web -n emojivoto -o jsonpath='{.source.ip} {.requestInitEvent.path}'`,
    )
    .action(
      shell.action<TapOptions & { output: string }>(async (context, args, options) => {
        const print = printer(options.output);
        const client = cluster(context);
        const request = tapRequest(args, options, namespaceOr(client, options.namespace));
        const lines = openTap(
          client,
          { ...request, headers: options.output !== "" && options.output !== "wide" },
          new AbortController().signal,
        );
        try {
          for await (const line of lines) {
            if ("event" in line) context.terminal.out(`${print(line.event)}\n`);
            else if ("note" in line) context.terminal.err(`${printable(line.note)}\n`);
            else if ("dropped" in line) tellDropped(context, line.dropped, options.maxRps);
          }
        } catch (thrown) {
          throw explained(thrown, options.vizNamespace);
        }
        throw new MeshError("unavailable", "The tap API ended the stream; it may be restarting");
      }),
    );
}

function tellDropped({ terminal }: Context, dropped: { readonly rate: number; readonly slow: number }, maxRps: string) {
  const { rate, slow } = dropped;
  const parts = [
    ...(rate > 0 ? [`${rate} above --max-rps ${maxRps}`] : []),
    ...(slow > 0 ? [`${slow} because they are read too slowly`] : []),
  ];
  terminal.err(`Left out so far: ${parts.join(", ")}\n`);
}

function printer(output: string): (event: TapEvent) => string {
  const [format = "", template] = output.split(/=(.*)/s);
  switch (format) {
    case "":
    case "table":
      return (event) => eventLine(event, false);
    case "wide":
      return (event) => eventLine(event, true);
    case "json":
      return (event) => printableJson(event);
    case "jsonpath": {
      if (template === undefined || template === "")
        throw new MeshError(
          "invalid-argument",
          "Flag --output jsonpath needs a template: jsonpath={.requestInitEvent.path}",
        );
      const path = compileJsonPath(template);
      // Line breaks of the template are meant, those of requests are not.
      return (event) => path(harmless(event));
    }
    default:
      throw new MeshError(
        "invalid-argument",
        `Flag --output has the value "${output}"; use wide, json or jsonpath=TEMPLATE`,
      );
  }
}

/** The same with every text escaped. */
function harmless(value: unknown): unknown {
  if (typeof value === "string") return printable(value);
  if (Array.isArray(value)) return value.map(harmless);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [printable(key), harmless(one)]));
}
