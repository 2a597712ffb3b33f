/** Routes from an OpenAPI 2 or 3 document: one for each path and method. */
import { isJsonObject, type Json, type JsonObject } from "#manifests/json.ts";
import { MeshError } from "#lib/errors.ts";
import { escapeRegex, type Route } from "./profile.ts";

const methods = ["delete", "get", "head", "options", "patch", "post", "put"] as const;

/** `source` names the document in errors. Operations may carry `x-linkerd-retryable` and `x-linkerd-timeout`. */
export function openApiRoutes(document: JsonObject, source: string): Route[] {
  const paths = document["paths"];
  if (!isJsonObject(paths))
    throw new MeshError("invalid-argument", `"${source}" is no OpenAPI document: it has no paths`);
  const base = basePath(document);
  const routes: Route[] = [];
  for (const relative of Object.keys(paths).toSorted()) {
    const item = paths[relative];
    if (!isJsonObject(item)) continue;
    const path = `${base}/${relative.replace(/^\/+/, "")}`;
    for (const method of methods) {
      const operation = item[method];
      if (operation !== undefined) routes.push(routeOf(path, method.toUpperCase(), operation));
    }
  }
  return routes;
}

/** What every path begins with: `basePath` in version 2, the path of the first server in version 3. */
function basePath(document: JsonObject): string {
  const given = document["basePath"];
  if (typeof given === "string") return given.replace(/\/+$/, "");
  const servers = document["servers"];
  const first = Array.isArray(servers) ? servers[0] : undefined;
  const url = isJsonObject(first) && typeof first["url"] === "string" ? first["url"] : "";
  return url
    .replace(/^[a-z]+:\/\/[^/]*/i, "")
    .replace(/[{?#].*$/, "")
    .replace(/\/+$/, "");
}

function routeOf(path: string, method: string, operation: Json): Route {
  const details = isJsonObject(operation) ? operation : {};
  const timeout = details["x-linkerd-timeout"];
  const responses = isJsonObject(details["responses"]) ? details["responses"] : {};
  const statuses = Object.keys(responses)
    .filter((status) => /^\d{3}$/.test(status))
    .map(Number)
    .toSorted((a, b) => a - b);
  return {
    name: `${method} ${path}`,
    method,
    pathRegex: pathRegex(path),
    isRetryable: details["x-linkerd-retryable"] === true,
    ...(typeof timeout === "string" ? { timeout } : {}),
    responseClasses: statuses.map((status) => ({ status, isFailure: status >= 500 })),
  };
}

/** "/users/{id}" → "/users/[^/]*": a parameter is one segment. */
export function pathRegex(path: string): string {
  return path
    .split(/\{[^}]*\}/)
    .map(escapeRegex)
    .join("[^/]*");
}
