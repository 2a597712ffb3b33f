/**
 * The API server of another process as the node sees it: what the node reads is kept here by watches, writes are
 * requests. Only the resources that a node needs are known.
 */
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Random } from "#lib/random.ts";
import { until } from "#lib/watchable.ts";
import type { KubeClient } from "#kube/client.ts";
import { objectPath, type Resource, resources as kubeResources } from "#kube/resource.ts";
import type { KubeManifest, KubeObject as RemoteObject } from "#kube/types/meta.ts";
import { type ResourceWatch, watchResource } from "#kube/watch.ts";
import type { DeleteOptions, ListOptions, LocalClient, LocalEvent, PatchOptions } from "../api/client.ts";
import { visible } from "../api/in-process-client.ts";
import type { ResourceRef } from "../api/resource-ref.ts";
import { createFilter } from "../api/selector/filter.ts";
import { notImplemented, StatusError } from "../api/status-error.ts";
import { type KubeObject, type NewObject, namespaceOf } from "../store/object.ts";
import { storageKey, type StoreEvent } from "../store/store.ts";

export interface RemoteDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

type Listener = (event: StoreEvent) => void;

/** One collection, kept by a watch. */
class Copy {
  private readonly objects = new Map<string, KubeObject>();
  private readonly listeners = new Set<Listener>();

  get(namespace: string, name: string): KubeObject | null {
    return this.objects.get(`${namespace}/${name}`) ?? null;
  }

  list(): KubeObject[] {
    return [...this.objects].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  apply(raw: RemoteObject): void {
    // The server sends metadata complete.
    const object = raw as unknown as KubeObject;
    const key = `${namespaceOf(object)}/${object.metadata.name}`;
    const previous = this.objects.get(key) ?? null;
    this.objects.set(key, object);
    this.tell({ type: previous === null ? "ADDED" : "MODIFIED", object, previous });
  }

  delete(namespace: string, name: string): void {
    const previous = this.get(namespace, name);
    this.objects.delete(`${namespace}/${name}`);
    if (previous !== null) this.tell({ type: "DELETED", object: previous, previous });
  }

  reset(
    all: readonly RemoteObject[],
    removed: ReadonlyArray<{ readonly namespace: string; readonly name: string }>,
  ): void {
    for (const { namespace, name } of removed) this.delete(namespace, name);
    for (const object of all) this.apply(object);
  }

  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private tell(event: Pick<StoreEvent, "type" | "object" | "previous">): void {
    for (const listener of this.listeners) listener(event as StoreEvent);
  }
}

/** What a node reads: all of these of the whole cluster, but only its own pods. */
const followed = ["pods", "configmaps", "secrets", "services", "endpointslices", "namespaces"] as const;

function resourceOf({ group, resource }: ResourceRef): Resource {
  const found = Object.values(kubeResources).find((known) => known.group === group && known.plural === resource);
  if (found === undefined) throw new MeshError("internal", `The node does not use the resource "${resource}"`);
  return found;
}

/** The API server's refusals in the form that the node knows from its own API server. */
async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    const reason = thrown instanceof MeshError ? thrown.details["reason"] : undefined;
    if (thrown instanceof MeshError && typeof reason === "string") throw new StatusError(reason, thrown.message);
    throw thrown;
  }
}

export class RemoteClient implements LocalClient {
  private readonly client: KubeClient;
  private readonly copies = new Map<string, Copy>();
  private readonly watches: ResourceWatch[] = [];

  /** `nodeName`: whose pods are followed. */
  constructor(deps: RemoteDeps, nodeName: string) {
    this.client = deps.client;
    for (const plural of followed) {
      const resource = Object.values(kubeResources).find((known) => known.plural === plural);
      if (resource === undefined) throw new MeshError("internal", `The resource "${plural}" is not known`);
      const copy = new Copy();
      this.copies.set(plural, copy);
      const selection = plural === "pods" ? { resource, fieldSelector: `spec.nodeName=${nodeName}` } : { resource };
      this.watches.push(watchResource(deps.client, selection, copy, deps));
    }
  }

  /** Resolves when everything was listed once. */
  async ready(): Promise<void> {
    await Promise.all(this.watches.map(({ listed }) => until(listed, (done) => done)));
  }

  stop(): void {
    for (const watch of this.watches) watch.stop();
  }

  private copy(resource: ResourceRef): Copy {
    const copy = this.copies.get(resource.resource);
    if (copy === undefined) throw new MeshError("internal", `The node does not follow "${resource.resource}"`);
    return copy;
  }

  get<T extends KubeObject>(resource: ResourceRef, namespace: string, name: string): T | null {
    return this.copy(resource).get(namespace, name) as T | null;
  }

  list<T extends KubeObject>(resource: ResourceRef, options: ListOptions = {}): T[] {
    const filter = createFilter(options, storageKey(resource.group, resource.resource));
    return this.copy(resource).list().filter(filter) as T[];
  }

  watch<T extends KubeObject>(
    resource: ResourceRef,
    options: ListOptions,
    onEvent: (event: LocalEvent<T>) => void,
  ): () => void {
    const filter = createFilter(options, storageKey(resource.group, resource.resource));
    const copy = this.copy(resource);
    let live = true;
    const stop = copy.listen((event) => {
      const type = visible(event, filter);
      if (type === null) return;
      const previous = type === "ADDED" ? null : (event.previous as T | null);
      queueMicrotask(() => {
        if (live) onEvent({ type, object: event.object as T, previous });
      });
    });
    for (const object of copy.list().filter(filter)) {
      if (live) onEvent({ type: "ADDED", object: object as T, previous: null });
    }
    return () => {
      live = false;
      stop();
    };
  }

  create<T extends KubeObject>(resource: ResourceRef, object: NewObject): Promise<T> {
    return translated(this.client.create<T>(resourceOf(resource), object));
  }

  update<T extends KubeObject>(resource: ResourceRef, object: T): Promise<T> {
    return translated(this.client.replace<T>(resourceOf(resource), object as unknown as KubeManifest));
  }

  updateStatus<T extends KubeObject>(resource: ResourceRef, object: T): Promise<T> {
    return translated(
      this.client.replace<T>(resourceOf(resource), object as unknown as KubeManifest, { subresource: "status" }),
    );
  }

  patch<T extends KubeObject>(
    resource: ResourceRef,
    namespace: string,
    name: string,
    patch: unknown,
    { type = "merge", subresource }: PatchOptions = {},
  ): Promise<T> {
    const target = {
      name,
      ...(namespace === "" ? {} : { namespace }),
      ...(subresource === undefined ? {} : { subresource }),
    };
    return translated(this.client.patch<T>(resourceOf(resource), target, type, patch));
  }

  delete(resource: ResourceRef, namespace: string, name: string, options: DeleteOptions = {}): Promise<void> {
    return translated(
      this.client.delete(resourceOf(resource), name, namespace === "" ? undefined : namespace, options),
    );
  }

  bind(): Promise<void> {
    throw notImplemented("The cluster's own scheduler assigns pods");
  }

  finalizeNamespace(): Promise<void> {
    throw notImplemented("The cluster's own controllers end namespaces");
  }

  async createToken(
    namespace: string,
    serviceAccount: string,
    options: {
      readonly audiences?: readonly string[];
      readonly lifetime: number;
      readonly pod?: { name: string; uid: string };
    },
  ): Promise<{ token: string; expires: number }> {
    const { audiences, lifetime, pod } = options;
    const action = `get a token of ServiceAccount "${namespace}/${serviceAccount}"`;
    const { status } = await translated(
      this.client.json<{ status: { token: string; expirationTimestamp: string } }>(
        "POST",
        objectPath(kubeResources.serviceAccounts, serviceAccount, namespace, "token"),
        {
          action,
          body: {
            apiVersion: "authentication.k8s.io/v1",
            kind: "TokenRequest",
            spec: {
              expirationSeconds: lifetime,
              ...(audiences === undefined ? {} : { audiences }),
              ...(pod === undefined ? {} : { boundObjectRef: { kind: "Pod", apiVersion: "v1", ...pod } }),
            },
          },
        },
      ),
    );
    return { token: status.token, expires: Date.parse(status.expirationTimestamp) };
  }
}
