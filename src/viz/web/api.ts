/** The query API: `GET /api/stat` answers `{"rows": [...]}`, errors are `{"error": "..."}` with a fitting status. */
import { MeshError } from "#lib/errors.ts";
import type { StatPod } from "../metrics/stat.ts";
import { stat } from "../metrics/stat.ts";
import { readStatQuery } from "../metrics/query.ts";
import type { SampleStore } from "../metrics/store.ts";

export interface ApiOptions {
  readonly store: SampleStore;
  readonly pods: () => Iterable<StatPod>;
  /** Monotonic ms, the clock of the samples. */
  readonly now: () => number;
  readonly ready: () => boolean;
}

export function createApi(options: ApiOptions): (request: Request) => Response {
  return (request) => {
    const url = new URL(request.url);
    try {
      if (request.method !== "GET") return Response.json({ error: "Use GET" }, { status: 405 });
      switch (url.pathname) {
        case "/api/stat": {
          if (!options.ready()) throw new MeshError("unavailable", "The pods of the cluster are not known yet");
          const rows = stat(readStatQuery(url.searchParams), options.pods(), options.store, options.now());
          return Response.json({ rows });
        }
        case "/api/self-check":
          return Response.json({ ready: options.ready(), series: options.store.size });
        default:
          return Response.json({ error: `There is nothing at "${url.pathname}"` }, { status: 404 });
      }
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      const status = error.code === "invalid-argument" ? 400 : error.code === "unavailable" ? 503 : 500;
      return Response.json({ error: error.message }, { status });
    }
  };
}
