/** GET of a collection: list with pages, and watch. */
import type { KubeObject } from "../../store/object.ts";
import { namespaceOf } from "../../store/object.ts";
import type { Parts } from "../parts.ts";
import { groupVersion, inVersion } from "../registry.ts";
import type { ResourceInfo } from "../resource-info.ts";
import { createFilter } from "../selector/filter.ts";
import { badRequest, StatusError } from "../status-error.ts";
import { partialMetadata, tableOf } from "../table/table.ts";
import type { IncludeObject } from "../table/table.ts";
import { acceptedForm } from "./accept.ts";
import type { Form } from "./accept.ts";
import { flag, whole } from "./options.ts";
import { json } from "./reply.ts";
import type { ResourceRoute } from "./route.ts";
import { watchStream } from "./watch-stream.ts";

interface Page {
  readonly items: KubeObject[];
  readonly metadata: Record<string, unknown>;
}

/** The longest and the usual length of a watch, ms. */
const longestWatch = 24 * 3600_000;
const usualWatch = 45 * 60_000;

function includeOf(query: URLSearchParams): IncludeObject {
  const include = query.get("includeObject") ?? "Metadata";
  return include === "None" || include === "Object" ? include : "Metadata";
}

/** "ns/name" of an object, as lists are ordered and continued. */
const position = (object: KubeObject): string => `${namespaceOf(object)}/${object.metadata.name}`;

function readContinue(token: string | null): { revision: string; after: string } | null {
  if (token === null || token === "") return null;
  try {
    const value = JSON.parse(Buffer.from(token, "base64url").toString()) as { rv?: unknown; after?: unknown };
    if (typeof value.rv === "string" && typeof value.after === "string")
      return { revision: value.rv, after: value.after };
  } catch {
    // Falls through: whatever it is, it is not a token of ours.
  }
  throw badRequest("continue key is not valid");
}

/**
 * One page. Later pages show the state as it is when they are read, not as it was at the first page: what was added or
 * removed in between may be seen or missed, and every page carries the first page's resourceVersion to watch from.
 */
function page(parts: Parts, info: ResourceInfo, route: ResourceRoute, query: URLSearchParams): Page {
  const { store } = parts;
  const filter = createFilter(
    {
      namespace: route.namespace,
      labelSelector: query.get("labelSelector") ?? "",
      fieldSelector: query.get("fieldSelector") ?? "",
    },
    info.key,
  );
  const limit = whole(query, "limit") ?? 0;
  const start = readContinue(query.get("continue"));
  if (start !== null && Number(start.revision) < store.oldest) {
    throw new StatusError("Expired", "The provided continue parameter is too old to display a consistent list result");
  }
  const revision = start?.revision ?? String(store.revision);
  const wanted = query.get("resourceVersion") ?? "";
  if (wanted !== "" && Number(wanted) > store.revision) {
    throw new StatusError("Timeout", `Too large resource version: ${wanted}, current: ${store.revision}`, {
      causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
      retryAfterSeconds: 1,
    });
  }
  let items = store.list(info.key, info.namespaced ? route.namespace : "").filter(filter);
  if (start !== null) {
    // Ordered by namespace, then name, as the store lists.
    items = items.filter((item) => position(item) > start.after);
  }
  const metadata: Record<string, unknown> = { resourceVersion: revision };
  if (limit > 0 && items.length > limit) {
    const last = items[limit - 1];
    if (last !== undefined) {
      const token = { rv: revision, after: position(last) };
      metadata["continue"] = Buffer.from(JSON.stringify(token)).toString("base64url");
    }
    metadata["remainingItemCount"] = items.length - limit;
    items = items.slice(0, limit);
  }
  return { items: items.map((item) => inVersion(info, item)), metadata };
}

export function list(
  parts: Parts,
  info: ResourceInfo,
  route: ResourceRoute,
  query: URLSearchParams,
  accept: string | null,
): Response {
  const form = acceptedForm(accept);
  const { items, metadata } = page(parts, info, route, query);
  if (form === "table") {
    const options = { include: includeOf(query), headings: true, now: parts.clock.wall() };
    return json(tableOf(info, items, metadata, options));
  }
  if (form === "metadata") {
    const apiVersion = "meta.k8s.io/v1";
    return json({ kind: "PartialObjectMetadataList", apiVersion, metadata, items: items.map(partialMetadata) });
  }
  return json({ kind: info.listKind, apiVersion: groupVersion(info), metadata, items });
}

/** One object in the form that was asked for. */
export function show(
  parts: Parts,
  info: ResourceInfo,
  object: KubeObject,
  form: Form,
  query: URLSearchParams,
  code = 200,
  warnings: readonly string[] = [],
): Response {
  if (form === "table") {
    const metadata = { resourceVersion: object.metadata.resourceVersion };
    const options = { include: includeOf(query), headings: true, now: parts.clock.wall() };
    return json(tableOf(info, [object], metadata, options), code, warnings);
  }
  return json(form === "metadata" ? partialMetadata(object) : object, code, warnings);
}

export function watch(
  parts: Parts,
  info: ResourceInfo,
  route: ResourceRoute,
  query: URLSearchParams,
  accept: string | null,
): Response {
  const form = acceptedForm(accept);
  // "get pods NAME --watch" watches one object by a field selector; a path with a name and watch=true means the same.
  const byName = route.name === "" ? "" : `metadata.name=${route.name}`;
  const fieldSelector = [query.get("fieldSelector") ?? "", byName].filter((part) => part !== "").join(",");
  const filter = createFilter(
    { namespace: route.namespace, labelSelector: query.get("labelSelector") ?? "", fieldSelector },
    info.key,
  );
  const wanted = query.get("resourceVersion") ?? "";
  if (wanted !== "" && !/^\d+$/.test(wanted)) {
    throw badRequest(
      `resourceVersion: Invalid value: "${wanted}": strconv.ParseUint: parsing "${wanted}": invalid syntax`,
    );
  }
  const initial = flagOr(query, "sendInitialEvents", wanted === "" || wanted === "0");
  const seconds = whole(query, "timeoutSeconds");
  const include = includeOf(query);
  const stream = watchStream(parts.store, parts.clock, {
    info,
    filter,
    namespace: info.namespaced ? route.namespace : "",
    from: initial ? null : wanted === "" || wanted === "0" ? parts.store.revision : Number(wanted),
    bookmarks: flag(query, "allowWatchBookmarks") && query.has("allowWatchBookmarks"),
    markInitial: query.get("sendInitialEvents") === "true",
    timeout: seconds === null || seconds === 0 ? usualWatch : Math.min(longestWatch, seconds * 1000),
    render(object, first) {
      const shown = inVersion(info, object);
      if (form === "table") {
        const metadata = { resourceVersion: object.metadata.resourceVersion };
        return tableOf(info, [shown], metadata, { include, headings: first, now: parts.clock.wall() });
      }
      return form === "metadata" ? partialMetadata(shown) : shown;
    },
  });
  return new Response(stream, {
    headers: { "content-type": "application/json", "cache-control": "no-cache, private" },
  });
}

function flagOr(query: URLSearchParams, name: string, fallback: boolean): boolean {
  const value = query.get(name);
  return value === null ? fallback : value === "true" || value === "1";
}
