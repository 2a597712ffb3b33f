/** Serves the dashboard on a port of its own, so that its guards stand before nothing else. */
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { PageFiles } from "./build-pages.ts";
import { createDashboard } from "./dashboard.ts";
import { createHostGuard, defaultHosts, hostPattern } from "./host-guard.ts";
import type { OpenTap } from "./tap-stream.ts";
import type { View } from "./view.ts";
import type { ViewQuery } from "./views.ts";

export interface DashboardConfig {
  /** Default 8084; 0 for any free port. */
  readonly port: number;
  /** Namespace of the extension, in which its Service "web" lies. */
  readonly namespace: string;
  readonly clusterDomain: string;
  /** Further hosts, as a regular expression for the whole Host header; "" for none. */
  readonly enforcedHost: string;
}

export interface DashboardDependencies {
  readonly config: DashboardConfig;
  readonly pages: PageFiles;
  readonly clock: Clock;
  readonly log: Log;
  readonly view: (query: ViewQuery) => View;
  readonly tap: OpenTap;
}

export interface RunningDashboard {
  readonly port: number;
  stop(): Promise<void>;
}

export function startDashboard({ config, pages, clock, log, view, tap }: DashboardDependencies): RunningDashboard {
  let pattern: RegExp | null = null;
  try {
    if (config.enforcedHost !== "") pattern = hostPattern(config.enforcedHost);
  } catch (error) {
    throw new MeshError(
      "invalid-argument",
      `Flag --enforced-host has the value "${config.enforcedHost}", which is no regular expression`,
      { cause: error },
    );
  }
  const guard = createHostGuard(defaultHosts(config.namespace, config.clusterDomain), pattern);
  const dashboard = createDashboard({ pages, guard, clock, log, view, tap });
  const server = Bun.serve({
    port: config.port,
    hostname: "0.0.0.0",
    idleTimeout: 60,
    maxRequestBodySize: 1024,
    fetch: (request, running) => dashboard.answer(request, () => running.timeout(request, 0)),
  });
  return {
    port: server.port ?? config.port,
    async stop() {
      dashboard.stop();
      await server.stop(true);
    },
  };
}
