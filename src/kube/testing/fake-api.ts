/**
 * A Kubernetes API server in memory, over real HTTP, for tests: list with pages, watch from a version, read, create, replace,
 * merge patch and delete. It can misbehave on request. It checks nothing: tests of strictness belong elsewhere.
 */
import { type ClusterAccess, fixedCredentials } from "../access.ts";
import type { KubeObject } from "../types/meta.ts";
import { resources, type Resource } from "../resource.ts";

interface Stored {
  readonly resource: Resource;
  readonly object: KubeObject;
}

interface Change {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly stored: Stored;
}

interface Watcher {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly send: (text: string) => void;
  readonly end: (broken: boolean) => void;
}

type Answer = (request: Request, url: URL) => Response | null | Promise<Response | null>;

export class FakeApi {
  private readonly objects = new Map<string, Stored>();
  private history: Change[] = [];
  private readonly watchers = new Set<Watcher>();
  private version = 100;
  /** Versions up to this one were compacted: a watch or page from there gets 410. */
  private compacted = 0;
  /** Method and path with query of every request, oldest first. */
  readonly requests: string[] = [];
  /** May answer in the server's place; null lets the server answer. */
  intercept: Answer = () => null;
  private server: Bun.Server<undefined>;
  private readonly tls: Bun.TLSOptions | undefined;

  constructor(tls?: Bun.TLSOptions) {
    this.tls = tls;
    this.server = this.serve(0);
  }

  private serve(port: number): Bun.Server<undefined> {
    return Bun.serve({
      port,
      hostname: "127.0.0.1",
      idleTimeout: 0,
      ...(this.tls === undefined ? {} : { tls: this.tls }),
      fetch: (request) => this.answer(request),
    });
  }

  get url(): string {
    return `${this.server.url.protocol}//127.0.0.1:${this.server.port}`;
  }

  /** Access without credentials. */
  get access(): ClusterAccess {
    return {
      server: this.url,
      insecureSkipTlsVerify: false,
      credentials: fixedCredentials({}),
      namespace: "default",
      context: "fake",
    };
  }

  get openWatches(): number {
    return this.watchers.size;
  }

  async stop(): Promise<void> {
    await this.server.stop(true);
  }

  /** Dies without a word; objects can be changed while it is away. The result brings it back on the same port. */
  async crash(): Promise<() => void> {
    const port = this.server.port ?? 0;
    this.watchers.clear();
    await this.server.stop(true);
    return () => {
      this.server = this.serve(port);
    };
  }

  /** Creates or replaces an object as another client would. */
  put<T extends KubeObject>(resource: Resource, object: T): T {
    const key = this.key(resource, object.metadata.namespace, object.metadata.name);
    const before = this.objects.get(key);
    this.version++;
    const now = {
      apiVersion: resource.group === "" ? resource.version : `${resource.group}/${resource.version}`,
      kind: resource.kind,
      ...object,
      metadata: {
        uid: `uid-${key}`,
        managedFields: [{ manager: "test" }],
        ...object.metadata,
        resourceVersion: String(this.version),
      },
    };
    const stored = { resource, object: now };
    this.objects.set(key, stored);
    this.publish({ version: this.version, type: before === undefined ? "ADDED" : "MODIFIED", stored });
    return now as T;
  }

  remove(resource: Resource, name: string, namespace?: string): boolean {
    const key = this.key(resource, namespace, name);
    const stored = this.objects.get(key);
    if (stored === undefined) return false;
    this.objects.delete(key);
    this.version++;
    const metadata = { ...stored.object.metadata, resourceVersion: String(this.version) };
    this.publish({
      version: this.version,
      type: "DELETED",
      stored: { resource, object: { ...stored.object, metadata } },
    });
    return true;
  }

  read<T extends KubeObject>(resource: Resource, name: string, namespace?: string): T | null {
    return (this.objects.get(this.key(resource, namespace, name))?.object as T | undefined) ?? null;
  }

  /** Forgets the history: watches from older versions get 410. */
  compact(): void {
    this.compacted = this.version;
    this.history = [];
  }

  /** Ends every watch: in order, or by breaking the connection in the middle of a line. */
  endWatches(how: "orderly" | "broken"): void {
    for (const watcher of this.watchers) watcher.end(how === "broken");
    this.watchers.clear();
  }

  /** Sends any line to every watch. */
  sendLine(line: string): void {
    for (const watcher of this.watchers) watcher.send(`${line}\n`);
  }

  /** Sends the current version as a bookmark. */
  bookmark(): void {
    this.sendLine(
      JSON.stringify({ type: "BOOKMARK", object: { metadata: { resourceVersion: String(this.version) } } }),
    );
  }

  private key(resource: Resource, namespace: string | undefined, name: string): string {
    return `${resource.group}/${resource.plural}/${resource.namespaced ? (namespace ?? "") : ""}/${name}`;
  }

  private publish(change: Change): void {
    this.history.push(change);
    for (const watcher of this.watchers) this.deliver(watcher, change);
  }

  private deliver(watcher: Watcher, change: Change): void {
    const { resource, object } = change.stored;
    if (resource.plural !== watcher.resource.plural || resource.group !== watcher.resource.group) return;
    if (watcher.namespace !== undefined && object.metadata.namespace !== watcher.namespace) return;
    watcher.send(`${JSON.stringify({ type: change.type, object })}\n`);
  }

  private async answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    this.requests.push(`${request.method} ${url.pathname}${url.search}`);
    const own = await this.intercept(request, url);
    if (own !== null) return own;
    if (url.pathname === "/version") return Response.json({ major: "1", minor: "35", gitVersion: "v1.35.0" });
    const parts = url.pathname.split("/").filter((part) => part !== "");
    const group = parts[0] === "api" ? "" : (parts[1] ?? "");
    const rest = parts.slice(parts[0] === "api" ? 2 : 3);
    const namespace = rest[0] === "namespaces" && rest.length > 2 ? rest[1] : undefined;
    const [plural, name] = namespace === undefined ? rest : rest.slice(2);
    const resource = Object.values(resources).find(
      (candidate) => candidate.group === group && candidate.plural === plural,
    );
    if (resource === undefined) return failure(404, "NotFound", "the server could not find the requested resource");
    if (request.method === "GET" && name === undefined) {
      return url.searchParams.get("watch") === null
        ? this.list(resource, namespace, url.searchParams)
        : this.watch(resource, namespace, url.searchParams);
    }
    return await this.single(request, resource, name, namespace);
  }

  private async single(
    request: Request,
    resource: Resource,
    name: string | undefined,
    namespace: string | undefined,
  ): Promise<Response> {
    if (request.method === "POST") {
      const object = (await request.json()) as KubeObject;
      if (resource.plural === "tokenreviews" || resource.plural.startsWith("selfsubject")) return Response.json(object);
      const given = object.metadata.name ?? `${object.metadata.generateName ?? ""}${this.version}`;
      if (this.read(resource, given, namespace) !== null) {
        return failure(409, "AlreadyExists", `${resource.plural} "${given}" already exists`);
      }
      const metadata = { ...object.metadata, name: given, ...(namespace === undefined ? {} : { namespace }) };
      return Response.json(this.put(resource, { ...object, metadata }), { status: 201 });
    }
    const current = this.read(resource, name ?? "", namespace);
    const missing = (): Response => failure(404, "NotFound", `${resource.plural} "${name ?? ""}" not found`);
    if (request.method === "PATCH") {
      const body = (await request.json()) as KubeObject;
      const applying = request.headers.get("content-type") === "application/apply-patch+yaml";
      if (current === null && !applying) return missing();
      const expected = body.metadata?.resourceVersion;
      if (expected !== undefined && expected !== current?.metadata.resourceVersion) {
        return failure(409, "Conflict", `Operation cannot be fulfilled on ${resource.plural} "${name ?? ""}"`);
      }
      return Response.json(this.put(resource, merge(current ?? {}, body) as KubeObject));
    }
    if (current === null) return missing();
    if (request.method === "GET") return Response.json(current);
    if (request.method === "DELETE") {
      this.remove(resource, current.metadata.name, namespace);
      return Response.json({ kind: "Status", status: "Success" });
    }
    if (request.method !== "PUT") return failure(405, "MethodNotAllowed", "the server does not allow this method");
    const object = (await request.json()) as KubeObject;
    const expected = object.metadata.resourceVersion;
    if (expected !== undefined && expected !== current.metadata.resourceVersion) {
      return failure(409, "Conflict", `Operation cannot be fulfilled on ${resource.plural} "${name ?? ""}"`);
    }
    return Response.json(this.put(resource, object));
  }

  private list(resource: Resource, namespace: string | undefined, params: URLSearchParams): Response {
    const prefix = `${resource.group}/${resource.plural}/${namespace === undefined ? "" : `${namespace}/`}`;
    const all = [...this.objects.entries()].filter(([key]) => key.startsWith(prefix)).map(([, { object }]) => object);
    const limit = Number(params.get("limit") ?? 0);
    const token = params.get("continue");
    const [from, at] = token === null ? [0, this.version] : token.split(":").map(Number);
    if (token !== null && (at ?? 0) < this.compacted)
      return failure(410, "Expired", "The continue parameter is too old");
    const start = from ?? 0;
    const items = limit > 0 ? all.slice(start, start + limit) : all;
    const more = limit > 0 && start + limit < all.length;
    return Response.json({
      kind: `${resource.kind}List`,
      metadata: { resourceVersion: String(at), ...(more ? { continue: `${start + limit}:${at}` } : {}) },
      // As in real lists, items carry neither kind nor apiVersion.
      items: items.map(({ kind: _kind, apiVersion: _version, ...item }) => item),
    });
  }

  private watch(resource: Resource, namespace: string | undefined, params: URLSearchParams): Response {
    const from = Number(params.get("resourceVersion") ?? 0);
    if (from < this.compacted) return failure(410, "Expired", `too old resource version: ${from} (${this.compacted})`);
    let watcher: Watcher | null = null;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const current: Watcher = {
          resource,
          namespace,
          send: (text) => controller.enqueue(Buffer.from(text)),
          end: (broken) => {
            if (broken) controller.enqueue(Buffer.from('{"type":"ADDED","obj'));
            controller.close();
          },
        };
        watcher = current;
        this.watchers.add(current);
        // A line at once, so that the response head goes out.
        current.send(
          JSON.stringify({ type: "BOOKMARK", object: { metadata: { resourceVersion: String(from) } } }) + "\n",
        );
        for (const change of this.history) if (change.version > from) this.deliver(current, change);
      },
      cancel: () => {
        if (watcher !== null) this.watchers.delete(watcher);
      },
    });
    return new Response(stream, { headers: { "content-type": "application/json" } });
  }
}

/** An error answer as the API server writes it. */
export function failure(code: number, reason: string, message: string): Response {
  return Response.json(
    { kind: "Status", apiVersion: "v1", status: "Failure", reason, message, code },
    { status: code },
  );
}

function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const out: Record<string, unknown> = { ...(target as Record<string, unknown>) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else out[key] = merge(out[key] ?? {}, value);
  }
  return out;
}
