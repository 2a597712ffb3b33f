/** Routes from live requests: one for each method and path that servers are asked for. */
import { MeshError } from "#lib/errors.ts";
import type { TapEvent, TapLine } from "#viz/client/tap-event.ts";
import { escapeRegex, type Route } from "./profile.ts";

/** Routes of the requests that come, until the lines end or there are `limit` of them; sorted by path, then by method. */
export async function tapRoutes(lines: AsyncIterable<TapLine>, limit: number): Promise<Route[]> {
  const routes = new Map<string, { readonly method: string; readonly path: string }>();
  for await (const line of lines) {
    const seen = "event" in line ? requestOf(line.event) : null;
    if (seen === null) continue;
    routes.set(`${seen.method} ${seen.path}`, seen);
    if (routes.size >= limit) break;
  }
  if (routes.size === 0)
    throw new MeshError("not-found", "No request came in that time; send some, or listen longer with --tap-duration");
  return [...routes]
    .toSorted(([, a], [, b]) => compare(a.path, b.path) || compare(a.method, b.method))
    .map(([name, { method, path }]) => ({ name, method, pathRegex: escapeRegex(path) }));
}

/** What a server is asked for, and no server's own questions to others; without the query, which routes don't look at. */
function requestOf({ proxyDirection, requestInitEvent: request }: TapEvent): { method: string; path: string } | null {
  if (proxyDirection !== "INBOUND" || request === undefined) return null;
  const [path = ""] = request.path.split("?", 1);
  // "*" and authorities of tunnels are no paths, and what is not printable does not belong into a resource.
  return /^\/[!-~]*$/.test(path) ? { method: request.method, path } : null;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
