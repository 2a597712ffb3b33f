/** Requests for objects: each verb, on the object itself and on /status and /scale. */
import type { KubeObject } from "../../store/object.ts";
import type { Context } from "../context.ts";
import { patched, patchForm } from "../patch/patch.ts";
import type { Parts } from "../parts.ts";
import { inVersion } from "../registry.ts";
import type { ResourceInfo } from "../resource-info.ts";
import { readScale, writeScale } from "../scale.ts";
import { createFilter } from "../selector/filter.ts";
import { badRequest, notFound, StatusError } from "../status-error.ts";
import { acceptedForm } from "./accept.ts";
import { readBody } from "./body.ts";
import { list, show, watch } from "./listing.ts";
import { contextOf, deletionOf } from "./options.ts";
import { json } from "./reply.ts";
import type { ResourceRoute } from "./route.ts";
import type { User } from "../context.ts";

/** Objects that one deletecollection removes at most. */
const maxCollection = 10_000;

export interface ObjectRequest {
  readonly parts: Parts;
  readonly info: ResourceInfo;
  readonly route: ResourceRoute;
  readonly request: Request;
  readonly query: URLSearchParams;
  readonly user: User;
}

function notAllowed(): StatusError {
  return new StatusError("MethodNotAllowed", "the server does not allow this method on the requested resource");
}

export async function serveObject(work: ObjectRequest): Promise<Response> {
  const { parts, info, route, request, query, user } = work;
  const accept = request.headers.get("accept");
  const context = contextOf(query, user);
  switch (route.verb) {
    case "list":
      return list(parts, info, route, query, accept);
    case "watch":
      return watch(parts, info, route, query, accept);
    case "get":
      if (query.get("watch") === "true") return watch(parts, info, route, query, accept);
      if (route.subresource === "scale")
        return json(readScale(info, parts.registry.get(info, route.namespace, route.name)));
      return show(parts, info, parts.registry.get(info, route.namespace, route.name), acceptedForm(accept), query);
    case "create": {
      if (route.name !== "") throw notAllowed();
      const form = acceptedForm(accept);
      const created = await parts.registry.create(info, route.namespace, await readBody(request, parts.types), context);
      return show(parts, info, created, form, query, 201, context.warnings);
    }
    case "update":
      return update(work, await readBody(request, parts.types), context);
    case "patch":
      return patch(work, await readBody(request, parts.types), context);
    case "delete":
      return remove(work, await readBody(request, parts.types), context);
    case "deletecollection":
      return removeAll(work, await readBody(request, parts.types), context);
    default:
      throw notAllowed();
  }
}

async function update(work: ObjectRequest, body: unknown, context: Context): Promise<Response> {
  const { parts, info, route, query } = work;
  if (route.name === "") throw notAllowed();
  if (route.subresource === "scale") {
    return json(await writeScale(parts.registry, info, route.namespace, route.name, () => body, context));
  }
  const part = route.subresource === "status" ? "status" : "";
  const form = acceptedForm(work.request.headers.get("accept"));
  const result = await parts.registry.update(info, route.namespace, route.name, body, context, part);
  return show(parts, info, result, form, query, 200, context.warnings);
}

async function patch(work: ObjectRequest, body: unknown, context: Context): Promise<Response> {
  const { parts, info, route, query, request } = work;
  if (route.name === "") throw notAllowed();
  const form = patchForm(request.headers.get("content-type") ?? "");
  const { root, strategic } = info.strategy;
  const change = (current: KubeObject): unknown => patched(parts.types, root, strategic, form, current, body);
  if (route.subresource === "scale") {
    return json(await writeScale(parts.registry, info, route.namespace, route.name, change, context));
  }
  const shape = acceptedForm(request.headers.get("accept"));
  const exists = parts.store.get(info.key, route.namespace, route.name) !== null;
  if (form === "apply") {
    if ((query.get("fieldManager") ?? "") === "")
      throw badRequest(
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      );
    if (!exists && route.subresource === "") return applyNew(work, body, context);
  }
  const part = route.subresource === "status" ? "status" : "";
  const result = await parts.registry.modify(info, route.namespace, route.name, change, context, part);
  return show(parts, info, result, shape, query, 200, context.warnings);
}

/** Server-side apply of an object that isn't there yet creates it. */
async function applyNew(work: ObjectRequest, body: unknown, context: Context): Promise<Response> {
  const { parts, info, route, query, request } = work;
  if (typeof body !== "object" || body === null) throw badRequest("The body of an apply patch must be an object");
  const given = body as { metadata?: Record<string, unknown> };
  if (given.metadata?.["resourceVersion"] !== undefined || given.metadata?.["uid"] !== undefined) {
    throw notFound(info, route.name);
  }
  const object = { ...given, metadata: { ...given.metadata, name: route.name } };
  const created = await parts.registry.create(info, route.namespace, object, context);
  return show(parts, info, created, acceptedForm(request.headers.get("accept")), query, 201, context.warnings);
}

async function remove(work: ObjectRequest, body: unknown, context: Context): Promise<Response> {
  const { parts, info, route, query } = work;
  if (route.subresource !== "") throw notAllowed();
  const { deletion, dryRun } = deletionOf(query, body);
  const asked = dryRun ? { ...context, dryRun } : context;
  const { object, gone } = await parts.registry.delete(info, route.namespace, route.name, deletion, asked);
  if (!gone) return json(inVersion(info, object), 200, context.warnings);
  const { name, uid } = object.metadata;
  return json(
    {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Success",
      details: { name, group: info.group, kind: info.resource, uid },
    },
    200,
    context.warnings,
  );
}

async function removeAll(work: ObjectRequest, body: unknown, context: Context): Promise<Response> {
  const { parts, info, route, query } = work;
  const filter = createFilter(
    {
      namespace: route.namespace,
      labelSelector: query.get("labelSelector") ?? "",
      fieldSelector: query.get("fieldSelector") ?? "",
    },
    info.key,
  );
  const { deletion, dryRun } = deletionOf(query, body);
  const asked = dryRun ? { ...context, dryRun } : context;
  const items: KubeObject[] = [];
  for (const object of parts.store
    .list(info.key, info.namespaced ? route.namespace : "")
    .filter(filter)
    .slice(0, maxCollection)) {
    const { name, namespace = "" } = object.metadata;
    try {
      items.push((await parts.registry.delete(info, namespace, name, deletion, asked)).object);
    } catch (thrown) {
      // Somebody else deleted it between the list and here: that is what was asked for.
      if (!(thrown instanceof StatusError) || thrown.status.reason !== "NotFound") throw thrown;
    }
  }
  const metadata = { resourceVersion: String(parts.store.revision) };
  return json({
    kind: info.listKind,
    apiVersion: info.group === "" ? info.version : `${info.group}/${info.version}`,
    metadata,
    items,
  });
}
