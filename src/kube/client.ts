/** A small Kubernetes API client over the runtime's fetch. Errors are MeshErrors that name the object and the server. */
import { fullGC } from "bun:jsc";
import { MeshError } from "#lib/errors.ts";
import type { ClusterAccess, Credentials } from "./access.ts";
import { fetchError } from "./fetch-error.ts";
import { apiVersion, collectionPath, describe, objectPath, type Resource, type Selection } from "./resource.ts";
import { isExpired, statusError } from "./status-error.ts";
import type { KubeList, KubeManifest, KubeObject } from "./types/meta.ts";

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface RequestOptions {
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  /** ms until the whole answer must be there; 0: no limit (watches, followed logs). Default 30 s. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /** Told how long the answer is, in characters. */
  readonly onText?: (length: number) => void;
  /** Completes "Failed to …" in errors. */
  readonly action: string;
}

export type PatchType = "json" | "merge" | "strategic";

const patchContentTypes: Readonly<Record<PatchType, string>> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
};

export interface WriteOptions {
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
  /** ms until the answer must be there. Default 30 s. */
  readonly timeout?: number;
}

export interface DeleteOptions {
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
  readonly gracePeriodSeconds?: number;
  /** Delete only this very object. */
  readonly uid?: string;
}

/** Objects per page of a list. */
const pageSize = 500;
/** So often a list is read in pages: the position of one expires between two when its server forgets, every five minutes as a rule. */
const pagedAttempts = 2;
/**
 * After so much text of lists (characters) what reading it left is collected. The runtime would let garbage grow to the size
 * of all that lives, and what is kept of later pages would lie scattered among it: its pages never come back.
 */
const collectAfter = 32_000_000;
const defaultTimeout = 30_000;

/** The field manager of server-side apply. */
const fieldManager = "linkerd";

interface Collect {
  /** Characters of lists after which it is run. */
  readonly after: number;
  readonly run: () => void;
}

export class KubeClient {
  readonly access: ClusterAccess;
  private readonly fetch: typeof globalThis.fetch;
  private readonly collect: Collect;
  /** Characters of lists since the last collection. */
  private listed = 0;

  constructor(
    access: ClusterAccess,
    options: { readonly fetch?: typeof globalThis.fetch; readonly collect?: Collect } = {},
  ) {
    this.access = access;
    this.fetch = options.fetch ?? globalThis.fetch;
    this.collect = options.collect ?? { after: collectAfter, run: fullGC };
  }

  /** One object. Throws "not-found". */
  async get<T extends KubeObject>(resource: Resource, name: string, namespace?: string): Promise<T> {
    const action = `get ${describe(resource, name, namespace)}`;
    return stripped<T>(await this.json("GET", objectPath(resource, name, namespace), { action }));
  }

  /** One object, or null when there is none. */
  async find<T extends KubeObject>(resource: Resource, name: string, namespace?: string): Promise<T | null> {
    try {
      return await this.get<T>(resource, name, namespace);
    } catch (thrown) {
      if (thrown instanceof MeshError && thrown.code === "not-found") return null;
      throw thrown;
    }
  }

  /**
   * All objects, page by page; starts over when the server forgets the position meanwhile. `keep` sees each object as its
   * page comes in, so that the whole list is never held in full; null leaves an object out.
   */
  async list<T extends KubeObject>(
    resource: Resource,
    selection: Selection = {},
    keep: (object: KubeObject) => T | null = (object) => object as T,
  ): Promise<{ items: T[]; resourceVersion: string }> {
    for (let attempt = 1; attempt <= pagedAttempts; attempt++) {
      try {
        return await this.pages<T>(resource, selection, pageSize, keep);
      } catch (thrown) {
        if (!isExpired(thrown)) throw thrown;
      }
    }
    // One list without pages can't expire, but is held in full for a moment.
    return await this.pages<T>(resource, selection, 0, keep);
  }

  private async pages<T extends KubeObject>(
    resource: Resource,
    selection: Selection,
    limit: number,
    keep: (object: KubeObject) => T | null,
  ): Promise<{ items: T[]; resourceVersion: string }> {
    const items: T[] = [];
    let token = "";
    for (;;) {
      if (this.listed > this.collect.after) {
        this.listed = 0;
        this.collect.run();
      }
      const page: KubeList<KubeObject> = await this.json("GET", collectionPath(resource, selection.namespace), {
        accept: acceptOf(selection, "List"),
        action: `list ${describe(resource, undefined, selection.namespace)}`,
        query: {
          labelSelector: selection.labelSelector,
          fieldSelector: selection.fieldSelector,
          ...(limit > 0 ? { limit } : {}),
          ...(token === "" ? {} : { continue: token }),
        },
        timeout: 60_000,
        onText: (length) => {
          this.listed += length;
        },
      });
      const version = apiVersion(resource);
      for (const item of page.items ?? []) {
        if (typeof item !== "object" || item === null) continue;
        // Items of a list carry no kind of their own.
        const kept = keep(stripped({ apiVersion: version, kind: resource.kind, ...item }));
        if (kept !== null) items.push(kept);
      }
      token = page.metadata?.continue ?? "";
      if (token === "") return { items, resourceVersion: page.metadata?.resourceVersion ?? "" };
    }
  }

  /**
   * Opens a watch: one JSON event a line until the server ends it after `timeoutSeconds`. No limit on our side once it is
   * open; give it up by `signal`.
   */
  async openWatch(
    resource: Resource,
    selection: Selection,
    options: { readonly resourceVersion: string; readonly timeoutSeconds: number; readonly signal: AbortSignal },
  ): Promise<ReadableStream<Uint8Array>> {
    const response = await this.request("GET", collectionPath(resource, selection.namespace), {
      accept: acceptOf(selection, ""),
      action: `watch ${describe(resource, undefined, selection.namespace)}`,
      query: {
        watch: 1,
        allowWatchBookmarks: true,
        labelSelector: selection.labelSelector,
        fieldSelector: selection.fieldSelector,
        resourceVersion: options.resourceVersion,
        timeoutSeconds: options.timeoutSeconds,
      },
      timeout: 0,
      signal: options.signal,
    });
    if (response.body === null) throw new MeshError("unavailable", "Failed to watch: the API server sent no body");
    return response.body;
  }

  async create<T = KubeObject>(
    resource: Resource,
    manifest: object,
    options: WriteOptions & { namespace?: string } = {},
  ): Promise<T> {
    const { name, namespace } = metadataOf(manifest);
    const scope = options.namespace ?? namespace;
    return await this.json<T>("POST", collectionPath(resource, scope), {
      action: `create ${describe(resource, name, scope)}`,
      body: manifest,
      query: writeQuery(options),
    });
  }

  /** Creates below an object, e.g. a token of a ServiceAccount or an eviction of a pod. */
  async createSub<T>(
    resource: Resource,
    name: string,
    namespace: string | undefined,
    sub: string,
    body: object,
  ): Promise<T> {
    return await this.json<T>("POST", objectPath(resource, name, namespace, sub), {
      action: `create ${sub} of ${describe(resource, name, namespace)}`,
      body,
    });
  }

  /** Replaces an object; with `metadata.resourceVersion` only if nobody wrote meanwhile ("conflict"). */
  async replace<T = KubeObject>(
    resource: Resource,
    manifest: object,
    options: WriteOptions & { subresource?: string } = {},
  ): Promise<T> {
    const { name, namespace } = metadataOf(manifest);
    return await this.json<T>("PUT", objectPath(resource, name ?? "", namespace, options.subresource), {
      action: `replace ${describe(resource, name, namespace)}`,
      body: manifest,
      query: writeQuery(options),
    });
  }

  async patch<T = KubeObject>(
    resource: Resource,
    target: { readonly name: string; readonly namespace?: string; readonly subresource?: string },
    type: PatchType,
    body: unknown,
    options: WriteOptions = {},
  ): Promise<T> {
    return await this.json<T>("PATCH", objectPath(resource, target.name, target.namespace, target.subresource), {
      action: `patch ${describe(resource, target.name, target.namespace)}`,
      body,
      contentType: patchContentTypes[type],
      query: writeQuery(options),
      ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
    });
  }

  /** Server-side apply: creates or updates. `force` takes fields over from other managers. */
  async apply<T = KubeObject>(
    resource: Resource,
    manifest: KubeManifest,
    options: WriteOptions & { force?: boolean; subresource?: string } = {},
  ): Promise<T> {
    const { name, namespace } = metadataOf(manifest);
    return await this.json<T>("PATCH", objectPath(resource, name ?? "", namespace, options.subresource), {
      action: `apply ${describe(resource, name, namespace)}`,
      body: manifest,
      contentType: "application/apply-patch+yaml",
      query: {
        ...writeQuery(options),
        fieldManager: options.fieldManager ?? fieldManager,
        force: options.force ?? true,
      },
    });
  }

  async delete(resource: Resource, name: string, namespace?: string, options: DeleteOptions = {}): Promise<void> {
    await this.json("DELETE", objectPath(resource, name, namespace), {
      action: `delete ${describe(resource, name, namespace)}`,
      body: {
        kind: "DeleteOptions",
        apiVersion: "v1",
        propagationPolicy: options.propagationPolicy ?? "Background",
        ...(options.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: options.gracePeriodSeconds }),
        ...(options.uid === undefined ? {} : { preconditions: { uid: options.uid } }),
      },
    });
  }

  /** The server's version, e.g. {major: "1", minor: "35", gitVersion: "v1.35.0"}. */
  async version(): Promise<{ major: string; minor: string; gitVersion: string }> {
    return await this.json("GET", "/version", { action: "get the version of the API server" });
  }

  /** Any request whose answer is one JSON document. */
  async json<T>(method: string, path: string, options: RequestOptions): Promise<T> {
    const response = await this.request(method, path, options);
    let text: string;
    try {
      text = await response.text();
    } catch (thrown) {
      throw fetchError(thrown, options.action, this.access.server);
    }
    options.onText?.(text.length);
    try {
      return JSON.parse(text) as T;
    } catch (thrown) {
      throw new MeshError("protocol", `Failed to ${options.action}: the API server's answer is no JSON`, {
        cause: thrown,
      });
    }
  }

  /** Any request; answers other than 2xx are thrown as MeshErrors. A 401 is tried once more with fresh credentials. */
  async request(method: string, path: string, options: RequestOptions): Promise<Response> {
    for (let attempt = 0; ; attempt++) {
      const response = await this.send(method, path, options);
      if (response.ok) return response;
      const body = await response.text().catch(() => "");
      if (response.status === 401 && attempt === 0 && this.access.credentials.invalidate()) continue;
      throw statusError(response.status, body, options.action);
    }
  }

  private async send(method: string, path: string, options: RequestOptions): Promise<Response> {
    const credentials = await this.access.credentials.get();
    const headers = requestHeaders(this.access, credentials);
    headers["accept"] = options.accept ?? "application/json";
    if (options.body !== undefined) headers["content-type"] = options.contentType ?? "application/json";
    const timeout = options.timeout ?? defaultTimeout;
    const signals: AbortSignal[] = [];
    if (options.signal !== undefined) signals.push(options.signal);
    if (timeout > 0) signals.push(AbortSignal.timeout(timeout));
    const init: BunFetchRequestInit & { timeout: false } = {
      method,
      headers,
      // The runtime's own limit of 5 minutes would cut watches.
      timeout: false,
      redirect: "error",
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
      ...(this.access.proxyUrl === undefined ? {} : { proxy: this.access.proxyUrl }),
      ...(this.access.server.startsWith("https:") ? { tls: tlsOptions(this.access, credentials) } : {}),
    };
    try {
      return await this.fetch(this.access.server + path + queryString(options.query), init);
    } catch (thrown) {
      throw fetchError(thrown, options.action, this.access.server);
    }
  }
}

/** Authorization and impersonation; port-forward uses them too. */
export function requestHeaders(access: ClusterAccess, credentials: Credentials): Record<string, string> {
  const headers: Record<string, string> = { "user-agent": "linkerd" };
  if (credentials.token !== undefined) headers["authorization"] = `Bearer ${credentials.token}`;
  if (access.impersonate !== undefined) {
    const { user, groups } = access.impersonate;
    headers["impersonate-user"] = user;
    // The runtime folds repeated headers into one line, which the API server would read as one strange group.
    if (groups.length > 1) {
      throw new MeshError("unimplemented", "Only one group can be impersonated at a time; pass --as-group once");
    }
    if (groups[0] !== undefined) headers["impersonate-group"] = groups[0];
  }
  return headers;
}

/** What the runtime's TLS client needs. */
export function tlsOptions(access: ClusterAccess, credentials: Credentials): NonNullable<BunFetchRequestInit["tls"]> {
  return {
    ...(access.caPem === undefined ? {} : { ca: access.caPem }),
    ...(credentials.certPem === undefined ? {} : { cert: credentials.certPem }),
    ...(credentials.keyPem === undefined ? {} : { key: credentials.keyPem }),
    ...(access.tlsServerName === undefined ? {} : { serverName: access.tlsServerName }),
    ...(access.insecureSkipTlsVerify ? { rejectUnauthorized: false } : {}),
  };
}

/** Servers that don't know how to leave out the rest send whole objects. */
function acceptOf({ metadataOnly }: Selection, suffix: "" | "List"): string {
  return metadataOnly === true
    ? `application/json;as=PartialObjectMetadata${suffix};g=meta.k8s.io;v=v1,application/json`
    : "application/json";
}

function queryString(query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined) params.set(key, String(value));
  }
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}

function writeQuery(options: WriteOptions): Query {
  return { dryRun: options.dryRun === true ? "All" : undefined, fieldManager: options.fieldManager };
}

function metadataOf(manifest: object): { name?: string; namespace?: string } {
  return (manifest as { metadata?: { name?: string; namespace?: string } }).metadata ?? {};
}

/** Drops managedFields: often half of an object, and never kept. */
export function stripped<T extends KubeObject>(object: T): T {
  const metadata = object.metadata as { managedFields?: unknown } | undefined;
  if (metadata !== undefined && "managedFields" in metadata) delete metadata.managedFields;
  return object;
}
