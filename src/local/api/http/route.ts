/** What a request is about, read from its method and path (Kubernetes "API concepts", resource URIs). */

export type Verb =
  | "get"
  | "list"
  | "watch"
  | "create"
  | "update"
  | "patch"
  | "delete"
  | "deletecollection"
  | "post"
  | "put"
  | "head";

/** A request for an object or a collection. */
export interface ResourceRoute {
  readonly kind: "resource";
  readonly verb: Verb;
  readonly group: string;
  readonly version: string;
  /** "" for cluster-scoped resources and for all namespaces. */
  readonly namespace: string;
  readonly resource: string;
  /** "" for a collection. */
  readonly name: string;
  /** "" for the object itself. */
  readonly subresource: string;
}

/** Anything else: discovery, health, OpenAPI. */
export interface PathRoute {
  readonly kind: "path";
  readonly verb: Verb;
  readonly path: string;
}

export type Route = ResourceRoute | PathRoute;

function verbOf(method: string, name: string, watch: boolean): Verb {
  switch (method) {
    case "GET":
    case "HEAD":
      if (name === "") return watch ? "watch" : "list";
      return "get";
    case "POST":
      return "create";
    case "PUT":
      return "update";
    case "PATCH":
      return "patch";
    default:
      return name === "" ? "deletecollection" : "delete";
  }
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A lone "%": the name as it stands matches nothing.
    return part;
  }
}

export function parseRoute(method: string, path: string, query: URLSearchParams): Route {
  const parts = path
    .split("/")
    .filter((part) => part !== "")
    .map(decodePart);
  const [root, first = "", second = "", ...tail] = parts;
  const core = root === "api";
  const all = core ? parts.slice(2) : tail;
  // The older form of a watch, whatever the method; APIServices still use it.
  const watched = all[0] === "watch" && all[1] === "namespaces";
  const segments = watched ? all.slice(1) : all;
  if ((!core && root !== "apis") || segments.length === 0 || (core ? first : second) === "") {
    return { kind: "path", verb: method.toLowerCase() as Verb, path };
  }
  const group = core ? "" : first;
  const version = core ? first : second;
  let namespace = "";
  let rest = segments;
  // "namespaces/NS/RESOURCE…" unless what follows is a subresource of the namespace itself.
  const [head, scope, third] = segments;
  if (
    head === "namespaces" &&
    scope !== undefined &&
    third !== undefined &&
    third !== "status" &&
    third !== "finalize"
  ) {
    namespace = scope;
    rest = segments.slice(2);
  }
  const [resource = "", name = "", ...sub] = rest;
  const watch = query.get("watch") === "true" || query.get("watch") === "1";
  return {
    kind: "resource",
    verb: watched ? "watch" : verbOf(method, name, watch),
    group,
    version,
    // A namespace is its own scope: RBAC of "get namespaces/a" asks in namespace "a".
    namespace: namespace === "" && head === "namespaces" && core ? name : namespace,
    resource,
    name,
    subresource: sub.join("/"),
  };
}
