/**
 * The dashboard's requests: pages, views as JSON, views as event streams. Everything is read-only.
 *
 * Order matters: the Host is checked before anything else, on every path, then the method, then the origin of whoever
 * asks for data.
 */
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { PageFiles } from "./build-pages.ts";
import type { HostGuard } from "./host-guard.ts";
import { LiveViews } from "./live-views.ts";
import { securityHeaders } from "./security-headers.ts";
import { staticFile, type StaticFile } from "./static-files.ts";
import type { View, ViewFailure } from "./view.ts";
import { tapStream, type OpenTap } from "./tap-stream.ts";
import { readTapQuery, readViewQuery } from "./view-query.ts";
import type { ViewQuery } from "./views.ts";

export interface DashboardOptions {
  readonly pages: PageFiles;
  readonly guard: HostGuard;
  readonly clock: Clock;
  readonly log: Log;
  /** Makes a view. A MeshError becomes its text on the page. */
  readonly view: (query: ViewQuery) => View;
  readonly tap: OpenTap;
  /** Event streams of views at the same time. Default 64. */
  readonly streamLimit?: number;
  /** Taps at the same time. Default 8. */
  readonly tapLimit?: number;
}

export interface Dashboard {
  /** `keepOpen` lets the answer to this request take as long as it wants. */
  answer(request: Request, keepOpen: () => void): Response;
  stop(): void;
}

/** Paths of pages; their parts after the first are read by the page itself. */
const pageNames: ReadonlySet<string> = new Set(["", "namespaces", "topology", "tap"]);

export function createDashboard(options: DashboardOptions): Dashboard {
  const { guard, log, pages } = options;
  const index = staticFile(pages.html, "text/html; charset=utf-8");
  const files: ReadonlyMap<string, StaticFile> = new Map([
    ["/assets/main.js", staticFile(pages.script, "text/javascript; charset=utf-8")],
    ["/assets/style.css", staticFile(pages.style, "text/css; charset=utf-8")],
    ["/assets/icon.svg", staticFile(pages.icon, "image/svg+xml")],
  ]);

  const render = (key: string): string => {
    try {
      return JSON.stringify(options.view(queryOf(key)));
    } catch (error) {
      const known = error instanceof MeshError;
      if (!known) log.error("Making a view of the dashboard failed", { view: key }, error);
      const failure: ViewFailure = {
        view: "failure",
        error: known ? error.message : "The dashboard failed to make this page; its log says why",
      };
      return JSON.stringify(failure);
    }
  };
  const live = new LiveViews({
    clock: options.clock,
    render,
    ...(options.streamLimit === undefined ? {} : { limit: options.streamLimit }),
  });

  let taps = 0;
  const tap = (params: URLSearchParams, keepOpen: () => void): Response => {
    const request = readTapQuery(params);
    if (taps >= (options.tapLimit ?? 8)) return problem(503, "Too many pages look at live requests; close some");
    taps++;
    keepOpen();
    const stream = tapStream({
      clock: options.clock,
      open: options.tap,
      request,
      onClose: () => taps--,
      onUnknown: (error) => log.error("Tapping for a page failed", {}, error),
    });
    return new Response(stream, { headers: { ...dataHeaders, "content-type": "text/event-stream" } });
  };

  const data = (request: Request, url: URL, keepOpen: () => void): Response => {
    if (request.method !== "GET") return problem(405, "Use GET");
    if (!guard.allowsOrigin(request.headers)) {
      return problem(403, "This data is for the dashboard's own pages only");
    }
    const [, , form = "", name = ""] = url.pathname.split("/");
    try {
      if (form === "tap" && name === "") return tap(url.searchParams, keepOpen);
      const query = readViewQuery(name, url.searchParams);
      if (form === "view") return Response.json(options.view(query), { headers: dataHeaders });
      if (form !== "live") return problem(404, `There is nothing at "${url.pathname}"`);
      const stream = live.subscribe(keyOf(query));
      if (stream === null) return problem(503, "Too many pages are open; close some");
      keepOpen();
      return new Response(stream, { headers: { ...dataHeaders, "content-type": "text/event-stream" } });
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      return problem(statusOf(error), error.message);
    }
  };

  return {
    answer(request, keepOpen) {
      const host = request.headers.get("host");
      if (!guard.allowsHost(host)) {
        log.debug("Refused a request for another host", { host });
        return text(403, refusedHost);
      }
      if (request.method !== "GET" && request.method !== "HEAD") {
        return new Response("Only GET\n", { status: 405, headers: { ...securityHeaders, allow: "GET, HEAD" } });
      }
      const url = new URL(request.url);
      if (url.pathname.startsWith("/api/")) return data(request, url, keepOpen);
      const file = files.get(url.pathname);
      if (file !== undefined) return file.respond(request);
      if (url.pathname.startsWith("/assets/")) return text(404, "There is no such file\n");
      return index.respond(request, pageNames.has(url.pathname.split("/")[1] ?? "") ? 200 : 404);
    },
    stop: () => live.stop(),
  };
}

const refusedHost =
  "The dashboard does not answer under this host name, so that other sites can't read it through a name of theirs.\n" +
  "Open it with: linkerd viz dashboard. For an ingress, install viz with --set enforcedHostRegexp=<its host>\n";

const dataHeaders: Readonly<Record<string, string>> = { ...securityHeaders, "cache-control": "no-store" };

function problem(status: number, error: string): Response {
  return Response.json({ error }, { status, headers: dataHeaders });
}

function text(status: number, body: string): Response {
  return new Response(body, { status, headers: { ...securityHeaders, "content-type": "text/plain; charset=utf-8" } });
}

function statusOf(error: MeshError): number {
  switch (error.code) {
    case "invalid-argument":
      return 400;
    case "not-found":
      return 404;
    case "unavailable":
      return 503;
    default:
      return 500;
  }
}

// Queries that ask for the same share one key, whatever the order and extras of their parameters.
const keyOf = (query: ViewQuery): string => JSON.stringify(query);
const queryOf = (key: string): ViewQuery => JSON.parse(key) as ViewQuery;
