/** `linkerd viz dashboard`: forwards a local port to the dashboard and opens it in the browser. */
import type { Command } from "commander";
import { parseDuration } from "#lib/duration.ts";
import { MeshError } from "#lib/errors.ts";
import { cluster } from "../cluster.ts";
import { openBrowser } from "../open-browser.ts";
import { oneOf, type Shell } from "../shell.ts";
import { forwardDashboard } from "../viz-dashboard.ts";

interface DashboardOptions {
  readonly vizNamespace: string;
  readonly address: string;
  readonly port: string;
  readonly show: string;
  readonly wait: string;
}

export function registerDashboard(viz: Command, shell: Shell): void {
  viz
    .command("dashboard")
    .description("Open the dashboard in the browser, through a port-forward that lasts until Ctrl-C")
    .option("--address <address>", "local address on which it is served", "localhost")
    .option("-p, --port <port>", "local port, 0 for any", "50750")
    .option("--show <what>", "open the browser (linkerd), or only print the address (url)", "linkerd")
    .option("--wait <duration>", "how long to wait for the dashboard to be ready", "5m")
    .option("--viz-namespace <namespace>", "namespace of the viz extension", "linkerd-viz")
    .addHelpText(
      "after",
      `
Examples:
  linkerd viz dashboard &
  linkerd viz dashboard --show url -p 9999`,
    )
    .action(
      shell.action<DashboardOptions>(
        async (context, _args, options) => {
          const { terminal } = context;
          const show = oneOf("--show", options.show, ["linkerd", "grafana", "url"]);
          if (show === "grafana") {
            throw new MeshError(
              "not-found",
              "The viz extension brings no Grafana of its own; use --show linkerd for the dashboard",
            );
          }
          const forward = await forwardDashboard({
            client: cluster(context),
            vizNamespace: options.vizNamespace,
            ip: localAddress(options.address),
            port: localPort(options.port),
            wait: waitTime(options.wait),
            onNote: (text) => terminal.err(`${text}\n`),
          });
          const host = options.address.includes(":") ? `[${options.address}]` : options.address;
          const url = `http://${host}:${forward.port}`;
          terminal.out(`Linkerd dashboard available at:\n${url}\n`);
          if (show === "linkerd") {
            const opened = await openBrowser(url, terminal.env);
            terminal.out(
              opened
                ? "Opening Linkerd dashboard in the default browser\n"
                : `No browser could be opened here; visit ${url} in yours\n`,
            );
          }
          await new Promise<void>((resolve) => {
            for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(name, () => resolve());
          });
          forward.close();
        },
        { endless: true },
      ),
    );
}

function localPort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new MeshError("invalid-argument", `Flag --port has the value "${text}"; use a port from 0 to 65535`);
}

function localAddress(text: string): string {
  if (text === "localhost") return "127.0.0.1";
  if (/^\d+\.\d+\.\d+\.\d+$/.test(text) || text.includes(":")) return text;
  throw new MeshError("invalid-argument", `Flag --address has the value "${text}"; use localhost or an IP address`);
}

function waitTime(text: string): number {
  const wait = parseDuration(text);
  if (wait !== null) return wait;
  throw new MeshError("invalid-argument", `Flag --wait has the value "${text}"; use a duration such as 30s or 5m`);
}
