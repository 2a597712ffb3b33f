/** The only reader of the metrics API's flags and environment. */
import { parseArgs } from "node:util";
import { MeshError } from "#lib/errors.ts";
import type { DashboardConfig } from "./web/start-dashboard.ts";

export interface MetricsApiConfig {
  /** Port of the query API. Default 8085. */
  readonly port: number;
  /** Port of health and the program's own metrics. Default 9995. */
  readonly adminPort: number;
  /** ms between two scrapes of a proxy. Default 10,000. */
  readonly scrapeInterval: number;
  /** Where a Prometheus that scrapes the proxies answers instead of the embedded store; "" for none. */
  readonly prometheusUrl: string;
  readonly dashboard: DashboardConfig;
  readonly logLevel: string;
  readonly logFormat: "plain" | "json";
}

function port(value: string, flag: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 0 && number <= 65535) return number;
  throw new MeshError("invalid-argument", `Flag --${flag} has the value "${value}"; use a port from 0 to 65535`);
}

function httpUrl(value: string): string {
  if (value === "" || (/^https?:\/\//.test(value) && URL.canParse(value))) return value;
  throw new MeshError("invalid-argument", `Flag --prometheus-url has the value "${value}"; use an http or https URL`);
}

export function readConfig(argv: readonly string[]): MetricsApiConfig {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: {
        port: { type: "string", default: "8085" },
        "admin-port": { type: "string", default: "9995" },
        "dashboard-port": { type: "string", default: "8084" },
        namespace: { type: "string", default: "linkerd-viz" },
        "cluster-domain": { type: "string", default: "cluster.local" },
        "enforced-host": { type: "string", default: "" },
        "scrape-interval-ms": { type: "string", default: "10000" },
        "prometheus-url": { type: "string", default: "" },
        "log-level": { type: "string", default: "info" },
        "log-format": { type: "string", default: "plain" },
      },
    }));
  } catch (error) {
    throw new MeshError("invalid-argument", error instanceof Error ? error.message : String(error), { cause: error });
  }
  const scrapeInterval = Number(values["scrape-interval-ms"]);
  if (!(scrapeInterval >= 1000 && scrapeInterval <= 300_000)) {
    throw new MeshError(
      "invalid-argument",
      `Flag --scrape-interval-ms has the value "${values["scrape-interval-ms"]}"; use 1000 to 300000`,
    );
  }
  const logFormat = values["log-format"];
  if (logFormat !== "plain" && logFormat !== "json") {
    throw new MeshError("invalid-argument", `Flag --log-format has the value "${logFormat}"; use plain or json`);
  }
  return {
    port: port(values.port, "port"),
    adminPort: port(values["admin-port"], "admin-port"),
    scrapeInterval,
    prometheusUrl: httpUrl(values["prometheus-url"]),
    dashboard: {
      port: port(values["dashboard-port"], "dashboard-port"),
      namespace: values.namespace,
      clusterDomain: values["cluster-domain"],
      enforcedHost: values["enforced-host"],
    },
    logLevel: values["log-level"],
    logFormat,
  };
}
