/** What a client of the tap API asks for: the resource is in the path, so that rights can be given for it, the rest in the body. */
import { MeshError } from "#lib/errors.ts";
import { parseLabelSelector } from "#model/label-selector.ts";
import { resourceKind, type ResourceKind, type ResourceRef } from "../metrics/resource.ts";

export const tapGroup = "tap.linkerd.io";
export const tapVersion = "v1alpha1";

/** Requests a second that are shown unless asked for more or less. */
export const defaultMaxRps = 100;
/** More than this is never shown. */
export const mostMaxRps = 10_000;

export interface TapFilters {
  /** Only requests that these resources' clients send to this one. */
  readonly to?: ResourceRef;
  /** Exactly this method, e.g. "GET". */
  readonly method?: string;
  /** "http" or "https". */
  readonly scheme?: string;
  /** Exactly this authority. */
  readonly authority?: string;
  /** Paths that begin so. */
  readonly path?: string;
}

export interface TapRequest extends TapFilters {
  /** One resource, or all of a kind in a namespace (name null). The namespace is never null but of a namespace itself. */
  readonly resource: ResourceRef;
  /** A label selector: only pods with these labels. */
  readonly selector?: string;
  /** Requests a second at most, of all pods together. Default 100. */
  readonly maxRps?: number;
  /** Also tell header fields. */
  readonly headers?: boolean;
}

/** Kinds that have pods, by their names in paths. */
export const tapPlurals: ReadonlyMap<ResourceKind, string> = new Map([
  ["namespace", "namespaces"],
  ["deployment", "deployments"],
  ["replicaset", "replicasets"],
  ["replicationcontroller", "replicationcontrollers"],
  ["daemonset", "daemonsets"],
  ["statefulset", "statefulsets"],
  ["job", "jobs"],
  ["cronjob", "cronjobs"],
  ["pod", "pods"],
  ["service", "services"],
]);

const base = `/apis/${tapGroup}/${tapVersion}`;

/** Where a request is sent. All of a kind needs the right to look into the whole namespace. */
export function tapPath({ kind, name, namespace }: ResourceRef): string {
  const plural = tapPlurals.get(kind);
  if (plural === undefined) throw new MeshError("invalid-argument", `A ${kind} has no pods of its own to look into`);
  const scope = kind === "namespace" ? name : namespace;
  if (scope === null) throw new MeshError("invalid-argument", `Name a ${kind}, such as ${kind}/web`);
  const prefix = `${base}/watch/namespaces/${encodeURIComponent(scope)}`;
  if (kind === "namespace" || name === null) return `${prefix}/tap`;
  return `${prefix}/${plural}/${encodeURIComponent(name)}/tap`;
}

/** The body for {@link tapPath}. */
export function tapBody(request: TapRequest): object {
  const { resource, ...rest } = request;
  return resource.name === null ? { ...rest, kind: resource.kind } : rest;
}

/** The resource of a path of {@link tapPath}; null: it is no such path. */
export function readTapPath(path: string): ResourceRef | null {
  const match = /^\/watch\/namespaces\/([^/]+)(?:\/([^/]+)\/([^/]+))?\/tap$/.exec(
    path.startsWith(base) ? path.slice(base.length) : "",
  );
  if (match === null) return null;
  const [namespace = "", plural, name] = match.slice(1).map((part) => (part === undefined ? undefined : decoded(part)));
  if (plural === undefined || name === undefined) return { kind: "namespace", namespace: null, name: namespace };
  for (const [kind, known] of tapPlurals) if (known === plural) return { kind, namespace, name };
  return null;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A lone "%": the text as it stands names nothing.
    return part;
  }
}

/** Characters of one filter. */
const longest = 4096;

/** Reads the body of a request for a resource of a path. Throws "invalid-argument" naming what is wrong. */
export function readTapBody(resource: ResourceRef, body: unknown): TapRequest {
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw invalid("its body is no object");
  const fields = body as Readonly<Record<string, unknown>>;
  const text = (name: string): string | undefined => {
    const value = fields[name];
    if (value === undefined || value === null || value === "") return undefined;
    if (typeof value !== "string" || value.length > longest)
      throw invalid(`"${name}" is not a text of at most ${longest} characters`);
    return value;
  };
  const texts = { method: text("method"), scheme: text("scheme"), authority: text("authority"), path: text("path") };
  const selector = text("selector");
  if (selector !== undefined) parseLabelSelector(selector);
  const maxRps = fields["maxRps"] ?? defaultMaxRps;
  if (typeof maxRps !== "number" || !(maxRps > 0 && maxRps <= mostMaxRps))
    throw invalid(`"maxRps" is not a number above 0 and up to ${mostMaxRps}`);
  const kind = text("kind");
  const to = fields["to"] === undefined || fields["to"] === null ? undefined : readRef(fields["to"]);
  return {
    resource: kind === undefined ? resource : narrowed(resource, kind),
    ...Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== undefined)),
    ...(to === undefined ? {} : { to }),
    ...(selector === undefined ? {} : { selector }),
    maxRps,
    headers: fields["headers"] === true,
  };
}

/** All of a kind in the namespace that the path names. */
function narrowed(resource: ResourceRef, typed: string): ResourceRef {
  const kind = resourceKind(typed);
  if (kind === null || !tapPlurals.has(kind) || resource.kind !== "namespace") throw invalid(`"kind" is "${typed}"`);
  return kind === "namespace" ? resource : { kind, namespace: resource.name, name: null };
}

function readRef(value: unknown): ResourceRef {
  const {
    kind,
    namespace = null,
    name = null,
  } = (typeof value === "object" ? value : {}) as Readonly<Record<string, unknown>>;
  const known = typeof kind === "string" ? resourceKind(kind) : null;
  const fits = (part: unknown): part is string | null =>
    part === null || (typeof part === "string" && part.length <= 253);
  if (known === null || !fits(namespace) || !fits(name)) throw invalid('"to" is not a kind, namespace and name');
  return { kind: known, namespace, name };
}

function invalid(why: string): MeshError {
  return new MeshError("invalid-argument", `The tap request can't be used: ${why}`);
}
