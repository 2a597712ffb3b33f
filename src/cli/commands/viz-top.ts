/** `linkerd viz top`: live requests by who asks whom for what, on the whole screen. */
import type { Command } from "commander";
import { systemClock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import { openTap } from "#viz/client/tap-client.ts";
import { cluster, namespaceOr } from "../cluster.ts";
import type { Shell } from "../shell.ts";
import { processDevice } from "../tap/screen.ts";
import { addTapOptions, explained, tapRequest, type TapOptions } from "../tap/tap-options.ts";
import { runTop } from "../tap/top.ts";

interface Options extends TapOptions {
  readonly hideSources?: boolean;
  readonly routes?: boolean;
}

export function registerTop(viz: Command, shell: Shell): void {
  addTapOptions(viz.command("top").description("Show the live requests of a resource by their number, like top"))
    .option("--hide-sources", "leave out who asks: one line for all of them")
    .option("--routes", "a line for each route as well")
    .addHelpText(
      "after",
      `
Keys: q quit, ←→ column that lines are ordered by, r the other way round, ↑↓ PgUp PgDn scroll, p pause, c clear

Examples:
  linkerd viz top deploy/web -n emojivoto
  linkerd viz top ns/emojivoto --hide-sources --max-rps 500
  linkerd viz top deploy/web --to deploy/voting -n emojivoto`,
    )
    .action(
      shell.action<Options>(async (context, args, options) => {
        const client = cluster(context);
        const request = tapRequest(args, options, namespaceOr(client, options.namespace));
        const device = processDevice((text) => context.terminal.out(text));
        const { kind, name, namespace } = request.resource;
        const what = `${kind}${name === null ? "s" : `/${name}`}${namespace === null ? "" : ` in ${namespace}`}`;
        try {
          const how = await runTop((signal) => openTap(client, request, signal), device, systemClock, {
            what,
            hideSources: options.hideSources === true,
            byRoute: options.routes === true,
          });
          if (how === "ended") throw new MeshError("unavailable", "The tap API ended the stream; it may be restarting");
        } catch (thrown) {
          throw explained(thrown, options.vizNamespace);
        }
      }),
    );
}
