/** Wires the metrics API: pods → scraper → store → query API. */
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Random } from "#lib/random.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { watchResource } from "#kube/watch.ts";
import { openTap } from "./client/tap-client.ts";
import type { MetricsApiConfig } from "./config.ts";
import { fetchText } from "./metrics/fetch-text.ts";
import { scrapedPod } from "./metrics/pods.ts";
import { Scraper } from "./metrics/scraper.ts";
import { statFamilies } from "./metrics/stat.ts";
import { fineLength, SampleStore } from "./metrics/store.ts";
import { createPromApi } from "./promql/http-api.ts";
import { Storage } from "./promql/storage.ts";
import { answerFamilies } from "./query/families.ts";
import { PrometheusSource } from "./query/prometheus-source.ts";
import type { MetricsSource } from "./query/source.ts";
import { StoreSource } from "./query/store-source.ts";
import { createApi } from "./web/api.ts";
import type { PageFiles } from "./web/build-pages.ts";
import { historyLength } from "./web/history.ts";
import { policyFamilies } from "./web/policy-rows.ts";
import { startDashboard } from "./web/start-dashboard.ts";
import { makeView } from "./web/views.ts";

export interface MetricsApiDependencies {
  readonly config: MetricsApiConfig;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The dashboard's pages. */
  readonly pages: PageFiles;
}

export interface MetricsApi {
  readonly port: number;
  readonly dashboardPort: number;
  readonly adminPort: number;
  stop(): Promise<void>;
}

export function startMetricsApi({
  config,
  client,
  clock,
  random,
  log,
  pages: pageFiles,
}: MetricsApiDependencies): MetricsApi {
  const store = new SampleStore({
    families: new Set([...statFamilies, ...policyFamilies, ...answerFamilies]),
    fine: Math.max(fineLength, Math.ceil(historyLength / config.scrapeInterval) + 2),
  });
  const source: MetricsSource =
    config.prometheusUrl === ""
      ? new StoreSource(store, () => clock.now())
      : new PrometheusSource(config.prometheusUrl, fetchText);
  const scraper = new Scraper({
    clock,
    random,
    store,
    fetchText,
    log: log.child("scraper"),
    interval: config.scrapeInterval,
    collect: () => Bun.gc(true),
  });

  const pods = watchResource<Pod>(
    client,
    { resource: resources.pods },
    {
      apply: (pod) => scraper.apply(scrapedPod(pod)),
      delete: (namespace, name) => scraper.remove(`${namespace}/${name}`),
      reset: (all, removed) => {
        for (const { namespace, name } of removed) scraper.remove(`${namespace}/${name}`);
        for (const pod of all) scraper.apply(scrapedPod(pod));
      },
    },
    { clock, random, log: log.child("pods") },
  );

  const ready = (): boolean => pods.listed.get();
  const api = createApi({
    store,
    source,
    pods: () => scraper.pods(),
    ready,
    prometheus: createPromApi({
      storage: new Storage(store, () => clock.wall() - clock.now()),
      wall: () => clock.wall(),
      now: () => clock.now(),
    }),
  });
  const server = Bun.serve({ port: config.port, hostname: "0.0.0.0", idleTimeout: 60, fetch: api });
  const dashboard = startDashboard({
    config: config.dashboard,
    pages: pageFiles,
    clock,
    log: log.child("dashboard"),
    tap: (request, signal) => openTap(client, request, signal),
    view: (query) => {
      if (!ready()) throw new MeshError("unavailable", "The pods of the cluster are not known yet; this takes seconds");
      return makeView(query, {
        pods: () => scraper.pods(),
        samples: store,
        now: () => clock.now(),
        wall: () => clock.wall(),
        scrapeInterval: config.scrapeInterval,
      });
    },
  });
  const admin = Bun.serve({
    port: config.adminPort,
    hostname: "0.0.0.0",
    fetch(request) {
      switch (new URL(request.url).pathname) {
        case "/live":
        case "/ping":
          return new Response("ok\n");
        case "/ready":
          return ready() ? new Response("ok\n") : new Response("the pods are not listed yet\n", { status: 503 });
        case "/metrics":
          return new Response(ownMetrics(store, scraper), { headers: { "content-type": "text/plain; version=0.0.4" } });
        default:
          return new Response("not found\n", { status: 404 });
      }
    },
  });

  return {
    port: server.port ?? config.port,
    dashboardPort: dashboard.port,
    adminPort: admin.port ?? config.adminPort,
    async stop() {
      pods.stop();
      scraper.stop();
      await Promise.all([dashboard.stop(), server.stop(), admin.stop(), pods.ended]);
    },
  };
}

function ownMetrics(store: SampleStore, scraper: Scraper): string {
  const values: ReadonlyArray<readonly [name: string, type: string, value: number]> = [
    ["metrics_api_series", "gauge", store.size],
    ["metrics_api_series_rejected_total", "counter", store.rejected],
    ["metrics_api_malformed_lines_total", "counter", store.malformed],
    ["metrics_api_scrapes_total", "counter", scraper.counts.done],
    ["metrics_api_scrape_failures_total", "counter", scraper.counts.failed],
    ["metrics_api_scrapes_postponed_total", "counter", scraper.counts.postponed],
  ];
  return values.map(([name, type, value]) => `# TYPE ${name} ${type}\n${name} ${value}\n`).join("");
}
