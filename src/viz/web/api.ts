/**
 * The query API: `GET /api/stat`, `/api/edges`, `/api/routes`, `/api/authz`, `/api/stat-inbound` and `/api/stat-outbound`
 * answer `{"rows": [...]}`, errors are `{"error": "..."}` with a fitting status.
 */
import { MeshError } from "#lib/errors.ts";
import type { StatPod } from "../metrics/stat.ts";
import { readStatQuery } from "../metrics/query.ts";
import { stat } from "../query/stat.ts";
import { isPromPath } from "../promql/http-api.ts";
import { answers } from "../query/answers.ts";
import type { MetricsSource } from "../query/source.ts";
import type { SampleStore } from "../metrics/store.ts";

export interface ApiOptions {
  readonly store: SampleStore;
  readonly source: MetricsSource;
  readonly pods: () => Iterable<StatPod>;
  readonly ready: () => boolean;
  /** Prometheus' HTTP API over the embedded store. */
  readonly prometheus: (request: Request) => Promise<Response>;
}

export function createApi(options: ApiOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    const url = new URL(request.url);
    if (isPromPath(url.pathname)) return await options.prometheus(request);
    try {
      if (request.method !== "GET") return Response.json({ error: "Use GET" }, { status: 405 });
      switch (url.pathname) {
        case "/api/stat": {
          if (!options.ready()) throw new MeshError("unavailable", "The pods of the cluster are not known yet");
          const rows = await stat(readStatQuery(url.searchParams), options.pods(), options.source);
          return Response.json({ rows });
        }
        case "/api/self-check":
          return Response.json({ ready: options.ready(), series: options.store.size });
        default: {
          const answer = url.pathname.startsWith("/api/") ? answers.get(url.pathname.slice(5)) : undefined;
          if (answer !== undefined) {
            if (!options.ready()) throw new MeshError("unavailable", "The pods of the cluster are not known yet");
            const rows = await answer(readStatQuery(url.searchParams), [...options.pods()], options.source);
            return Response.json({ rows });
          }
          return Response.json({ error: `There is nothing at "${url.pathname}"` }, { status: 404 });
        }
      }
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      const status =
        error.code === "invalid-argument" ? 400 : error.code === "unavailable" || error.code === "timeout" ? 503 : 500;
      return Response.json({ error: error.message }, { status });
    }
  };
}
