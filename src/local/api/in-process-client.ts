/** {@link LocalClient} over the registry. */
import type { KubeObject, NewObject } from "../store/object.ts";
import type { Store, StoreEvent } from "../store/store.ts";
import type { Catalog } from "./catalog.ts";
import type { DeleteOptions, ListOptions, LocalClient, LocalEvent, PatchOptions } from "./client.ts";
import { systemContext } from "./context.ts";
import { bindPod } from "./kinds/binding.ts";
import { patched } from "./patch/patch.ts";
import type { Registry } from "./registry.ts";
import { inVersion, plainDeletion } from "./registry.ts";
import type { ResourceRef } from "./resource-ref.ts";
import type { Types } from "./schema/notation.ts";
import { createFilter } from "./selector/filter.ts";
import type { TokenIssuer } from "./auth/token-issuer.ts";
import { notFound } from "./status-error.ts";
import { writeScale } from "./scale.ts";

export interface ClientParts {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly registry: Registry;
  readonly types: Types;
  readonly tokens: TokenIssuer;
}

export function createLocalClient(parts: ClientParts): LocalClient {
  const { store, catalog, registry, types, tokens } = parts;
  return {
    get<T extends KubeObject>(resource: ResourceRef, namespace: string, name: string): T | null {
      const info = catalog.require(resource);
      const found = store.get(info.key, namespace, name);
      return found === null ? null : (inVersion(info, found) as T);
    },

    list<T extends KubeObject>(resource: ResourceRef, options: ListOptions = {}): T[] {
      const info = catalog.require(resource);
      const filter = createFilter(options, info.key);
      return store
        .list(info.key, options.namespace)
        .filter(filter)
        .map((object) => inVersion(info, object) as T);
    },

    async create<T extends KubeObject>(resource: ResourceRef, object: NewObject): Promise<T> {
      const info = catalog.require(resource);
      return (await registry.create(info, object.metadata.namespace ?? "", object, systemContext())) as T;
    },

    async update<T extends KubeObject>(resource: ResourceRef, object: T): Promise<T> {
      const info = catalog.require(resource);
      const { namespace = "", name } = object.metadata;
      return (await registry.update(info, namespace, name, object, systemContext())) as T;
    },

    async updateStatus<T extends KubeObject>(resource: ResourceRef, object: T): Promise<T> {
      const info = catalog.require(resource);
      const { namespace = "", name } = object.metadata;
      return (await registry.update(info, namespace, name, object, systemContext(), "status")) as T;
    },

    async patch<T extends KubeObject>(
      resource: ResourceRef,
      namespace: string,
      name: string,
      patch: unknown,
      options: PatchOptions = {},
    ): Promise<T> {
      const info = catalog.require(resource);
      const { root, strategic } = info.strategy;
      const change = (current: unknown): unknown =>
        patched(types, root, strategic, options.type ?? "merge", current, patch);
      if (options.subresource === "scale") {
        return (await writeScale(registry, info, namespace, name, change, systemContext())) as T;
      }
      const part = options.subresource === "status" ? "status" : "";
      return (await registry.modify(info, namespace, name, change, systemContext(), part)) as T;
    },

    async delete(resource: ResourceRef, namespace: string, name: string, options: DeleteOptions = {}): Promise<void> {
      const info = catalog.require(resource);
      const deletion = {
        ...plainDeletion,
        gracePeriodSeconds: options.gracePeriodSeconds ?? null,
        propagation: options.propagationPolicy ?? null,
        uid: options.uid ?? null,
      };
      await registry.delete(info, namespace, name, deletion, systemContext());
    },

    watch<T extends KubeObject>(
      resource: ResourceRef,
      options: ListOptions,
      onEvent: (event: LocalEvent<T>) => void,
    ): () => void {
      const info = catalog.require(resource);
      const filter = createFilter(options, info.key);
      const as = (object: KubeObject): T => inVersion(info, object) as T;
      let live = true;
      const stop = store.watch(info.key, (event) => {
        const seen = visible(event, filter);
        if (seen === null) return;
        queueMicrotask(() => {
          if (!live) return;
          onEvent({
            type: seen,
            object: as(event.object),
            previous: seen === "ADDED" || event.previous === null ? null : as(event.previous),
          });
        });
      });
      for (const object of store.list(info.key, options.namespace)) {
        if (live && filter(object)) onEvent({ type: "ADDED", object: as(object), previous: null });
      }
      return () => {
        live = false;
        stop();
      };
    },

    async bind(namespace: string, pod: string, node: string): Promise<void> {
      bindPod(store, namespace, pod, node);
    },

    async finalizeNamespace(name: string): Promise<void> {
      const info = catalog.require({ group: "", version: "v1", resource: "namespaces" });
      await registry.finalizeNamespace(info, name, [], systemContext());
    },

    async createToken(namespace, serviceAccount, options) {
      const account = store.get("serviceaccounts", namespace, serviceAccount);
      if (account === null) throw notFound({ group: "", resource: "serviceaccounts" }, serviceAccount);
      return tokens.issue({
        namespace,
        serviceAccount,
        serviceAccountUid: account.metadata.uid,
        audiences: options.audiences ?? [],
        lifetime: options.lifetime,
        pod: options.pod ?? null,
      });
    },
  };
}

/** What a change looks like to a watcher that sees only objects that pass its filter; null: nothing. */
export function visible(event: StoreEvent, filter: (object: KubeObject) => boolean): StoreEvent["type"] | null {
  const before = event.previous !== null && filter(event.previous);
  if (event.type === "DELETED") return before ? "DELETED" : null;
  const after = filter(event.object);
  if (after) return before ? "MODIFIED" : "ADDED";
  return before ? "DELETED" : null;
}
