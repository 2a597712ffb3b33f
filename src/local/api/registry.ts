/**
 * The operations on objects, the same for a request over HTTPS and for a controller of this process.
 *
 * A write passes, in this order: decoding, metadata, defaults, mutating admission, defaults again, validation, validating
 * admission, last-moment allocation (ClusterIPs), the store. Admission may wait for webhooks, so an update without an
 * expected resourceVersion starts over when another writer came first, at most 8 times.
 */
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import { namespaceOf } from "../store/object.ts";
import type { KubeObject, ObjectMeta } from "../store/object.ts";
import type { Store } from "../store/store.ts";
import type { Admission } from "./admission/admission.ts";
import type { Context } from "./context.ts";
import { generateName, timestamp } from "./names.ts";
import type { ResourceInfo } from "./resource-info.ts";
import { alreadyExists, badRequest, conflict, forbidden, notFound, StatusError } from "./status-error.ts";
import { invalidObject } from "./validation/causes.ts";
import { checkMetadata, checkMetadataUpdate } from "./validation/metadata.ts";

type Rec = Record<string, unknown>;

export type Part = "" | "status" | "scale";

export interface Deletion {
  /** Pods only; null: the pod's own. */
  readonly gracePeriodSeconds: number | null;
  readonly propagation: "Background" | "Foreground" | "Orphan" | null;
  readonly uid: string | null;
  readonly resourceVersion: string | null;
}

export const plainDeletion: Deletion = {
  gracePeriodSeconds: null,
  propagation: null,
  uid: null,
  resourceVersion: null,
};

export interface RegistryOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly admission: Admission;
  /** In [0, 1), for generated names. */
  readonly random: () => number;
}

const attempts = 8;

export class Registry {
  private readonly store: Store;
  private readonly clock: Clock;
  private readonly admission: Admission;
  private readonly random: () => number;

  constructor(options: RegistryOptions) {
    this.store = options.store;
    this.clock = options.clock;
    this.admission = options.admission;
    this.random = options.random;
  }

  /** The object in the version that `info` names; 404 when there is none. */
  get(info: ResourceInfo, namespace: string, name: string): KubeObject {
    const found = this.store.get(info.key, namespace, name);
    if (found === null) throw notFound(info, name);
    return inVersion(info, found);
  }

  async create(info: ResourceInfo, namespace: string, body: unknown, context: Context): Promise<KubeObject> {
    const object = this.decode(info, body, context);
    const meta = this.completeMetadata(info, namespace, object);
    if (info.status) delete object["status"];
    this.assertNamespaceOpen(info, namespace);
    if (this.store.get(info.key, namespace, meta.name) !== null) throw alreadyExists(info, meta.name);
    info.strategy.defaults(object, null);
    await this.admit("CREATE", info, object, null, "", context);
    if (context.dryRun) return inVersion(info, { ...object, metadata: { ...meta, resourceVersion: "" } });
    this.assertNamespaceOpen(info, namespace);
    this.admission.allocate(info, object, null);
    return inVersion(
      info,
      this.commit(info, meta.name, () => this.store.create(info.key, object)),
    );
  }

  async update(
    info: ResourceInfo,
    namespace: string,
    name: string,
    body: unknown,
    context: Context,
    part: "" | "status" = "",
  ): Promise<KubeObject> {
    return this.modify(info, namespace, name, () => body, context, part);
  }

  /**
   * Reads, changes, admits and writes. `change` gets the current object (frozen, in the version of `info`) and returns
   * the new one; it is called again when another writer came first, unless the new one insists on a resourceVersion.
   */
  async modify(
    info: ResourceInfo,
    namespace: string,
    name: string,
    change: (current: KubeObject) => unknown,
    context: Context,
    part: "" | "status" = "",
  ): Promise<KubeObject> {
    for (let attempt = 1; ; attempt++) {
      const existing = this.get(info, namespace, name);
      const body = change(existing);
      const next = this.decode(info, body, context);
      const insists = this.mergeMetadata(info, existing, next, part);
      const object = part === "status" ? withStatus(existing, next) : next;
      if (part === "" && info.status) keepStatus(existing, object);
      info.strategy.defaults(object, existing);
      countGeneration(info, existing, object, part);
      await this.admit("UPDATE", info, object, existing, part, context);
      countGeneration(info, existing, object, part);
      if (Bun.deepEquals(storedForm(info, object), storedForm(info, existing)) && !removable(info, object))
        return existing;
      if (context.dryRun) return object;
      const stored = this.store.get(info.key, namespace, name);
      if (stored === null) throw notFound(info, name);
      if (stored.metadata.resourceVersion !== existing.metadata.resourceVersion) {
        if (insists || attempt >= attempts) throw conflict(info, name);
        continue;
      }
      this.admission.allocate(info, object, existing);
      const target = { ...object, apiVersion: stored.apiVersion };
      if (removable(info, target)) {
        this.commit(info, name, () => this.store.update(info.key, target));
        return inVersion(
          info,
          this.commit(info, name, () => this.store.delete(info.key, namespace, name)),
        );
      }
      return inVersion(
        info,
        this.commit(info, name, () => this.store.update(info.key, target)),
      );
    }
  }

  /** Deletes or starts to delete. `gone` tells whether the object left the store. */
  async delete(
    info: ResourceInfo,
    namespace: string,
    name: string,
    options: Deletion,
    context: Context,
  ): Promise<{ object: KubeObject; gone: boolean }> {
    let existing = this.get(info, namespace, name);
    assertPreconditions(info, existing, options);
    await this.admission.admit({
      operation: "DELETE",
      info,
      part: "",
      namespace,
      name,
      object: null,
      previous: existing,
      context,
    });
    if (context.dryRun) return { object: existing, gone: true };
    // Admission may have taken a while.
    existing = this.get(info, namespace, name);
    assertPreconditions(info, existing, options);
    const object = structuredClone(existing);
    const meta = object.metadata;
    const grace = info.key === "pods" ? podGrace(object, options.gracePeriodSeconds) : 0;
    setPropagation(meta, options.propagation);
    const started = meta.deletionTimestamp !== undefined;
    const before = meta.deletionGracePeriodSeconds ?? 0;
    if (!started || grace < before) {
      meta.deletionTimestamp = timestamp(this.clock.wall() + grace * 1000);
      meta.deletionGracePeriodSeconds = grace;
      if (meta.generation !== undefined) meta.generation++;
    }
    if (info.key === "namespaces")
      object["status"] = { ...(object["status"] as Rec | undefined), phase: "Terminating" };
    const target = {
      ...object,
      apiVersion: this.store.get(info.key, namespace, name)?.apiVersion ?? object.apiVersion,
    };
    if (removable(info, target)) {
      return { object: this.commit(info, name, () => this.store.delete(info.key, namespace, name)), gone: true };
    }
    if (Bun.deepEquals(target, existing)) return { object: existing, gone: false };
    return { object: this.commit(info, name, () => this.store.update(info.key, target)), gone: false };
  }

  /** PUT namespaces/NAME/finalize: sets what still holds a namespace, and removes it when nothing does. */
  async finalizeNamespace(
    info: ResourceInfo,
    name: string,
    finalizers: string[],
    context: Context,
  ): Promise<KubeObject> {
    const existing = this.get(info, "", name);
    const object = { ...existing, spec: { ...(existing["spec"] as Rec | undefined), finalizers } };
    if (context.dryRun) return object;
    if (!removable(info, object)) return this.commit(info, name, () => this.store.update(info.key, object));
    this.commit(info, name, () => this.store.update(info.key, object));
    return this.commit(info, name, () => this.store.delete(info.key, "", name));
  }

  private decode(info: ResourceInfo, body: unknown, context: Context): KubeObject {
    if (typeof body !== "object" || body === null || Array.isArray(body)) {
      throw badRequest(`The body of a request for ${info.resource} must be an object`);
    }
    const raw: Rec = { ...body };
    const apiVersion = groupVersion(info);
    for (const [field, wanted] of [
      ["kind", info.kind],
      ["apiVersion", apiVersion],
    ] as const) {
      const given = raw[field];
      if (given === undefined || given === "") raw[field] = wanted;
      else if (given !== wanted) {
        throw badRequest(
          `The object has ${field} "${String(given)}" but the request is for ${apiVersion} ${info.kind}`,
        );
      }
    }
    const { value, unknown } = info.strategy.decode(raw, info.version);
    reportUnknown(info, unknown, context);
    const object = value as KubeObject;
    object.metadata = { ...(object.metadata as ObjectMeta | undefined) } as ObjectMeta;
    return object;
  }

  private completeMetadata(info: ResourceInfo, namespace: string, object: KubeObject): ObjectMeta {
    const meta = object.metadata;
    if (info.namespaced) {
      if (meta.namespace !== undefined && meta.namespace !== "" && meta.namespace !== namespace) {
        throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
      }
      meta.namespace = namespace;
    } else delete meta.namespace;
    if (meta.resourceVersion !== undefined && meta.resourceVersion !== "") {
      throw badRequest("resourceVersion should not be set on objects to be created");
    }
    if ((meta.name ?? "") === "" && (meta.generateName ?? "") !== "") {
      meta.name = generateName(meta.generateName ?? "", this.random);
    }
    meta.name ??= "";
    meta.uid = crypto.randomUUID();
    meta.creationTimestamp = timestamp(this.clock.wall());
    meta.resourceVersion = "";
    delete meta.deletionTimestamp;
    delete meta.deletionGracePeriodSeconds;
    Reflect.deleteProperty(meta, "managedFields");
    Reflect.deleteProperty(meta, "selfLink");
    if (info.generation) meta.generation = 1;
    else delete meta.generation;
    return meta;
  }

  /** Carries over what clients can't change. Returns whether the writer insists on the version that it read. */
  private mergeMetadata(info: ResourceInfo, existing: KubeObject, next: KubeObject, part: Part): boolean {
    const old = existing.metadata;
    const meta = next.metadata;
    if ((meta.name ?? "") !== "" && meta.name !== old.name) {
      throw badRequest(`the name of the object (${meta.name}) does not match the name on the URL (${old.name})`);
    }
    if (meta.namespace !== undefined && meta.namespace !== "" && meta.namespace !== namespaceOf(existing)) {
      throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
    }
    if ((meta.uid ?? "") !== "" && meta.uid !== old.uid) {
      throw conflict(
        info,
        old.name,
        `Precondition failed: UID in precondition: ${meta.uid}, UID in object meta: ${old.uid}`,
      );
    }
    const given = meta.resourceVersion ?? "";
    if (given !== "" && given !== old.resourceVersion) throw conflict(info, old.name);
    next.metadata = part === "" ? updatedMeta(old, meta) : { ...old };
    return given !== "";
  }

  private async admit(
    operation: "CREATE" | "UPDATE",
    info: ResourceInfo,
    object: KubeObject,
    previous: KubeObject | null,
    part: Part,
    context: Context,
  ): Promise<void> {
    const { namespace = "", name } = object.metadata;
    await this.admission.admit({
      operation,
      info,
      part,
      namespace,
      name,
      object,
      previous,
      context,
      settle: (changed) => info.strategy.defaults(changed, previous),
      validate: () => {
        const causes = [
          ...checkMetadata(info, object),
          ...(previous === null ? [] : checkMetadataUpdate(object, previous)),
          ...(part === "status" ? [] : info.strategy.validate(object, previous)),
        ];
        if (causes.length > 0) throw invalidObject(info.group, info.kind, name, causes.slice(0, 50));
        for (const line of info.strategy.warnings?.(object) ?? []) context.warnings.push(line);
      },
    });
  }

  private assertNamespaceOpen(info: ResourceInfo, namespace: string): void {
    if (!info.namespaced) return;
    const found = this.store.get("namespaces", "", namespace);
    if (found === null) throw notFound({ group: "", resource: "namespaces" }, namespace);
    if (found.metadata.deletionTimestamp !== undefined) {
      throw forbidden(
        info,
        "",
        `unable to create new content in namespace ${namespace} because it is being terminated`,
      );
    }
  }

  private commit<T>(info: ResourceInfo, name: string, write: () => T): T {
    try {
      return write();
    } catch (thrown) {
      if (!(thrown instanceof MeshError) || thrown instanceof StatusError) throw thrown;
      if (thrown.code === "conflict") throw alreadyExists(info, name);
      if (thrown.code === "not-found") throw notFound(info, name);
      if (thrown.code === "resource-exhausted") throw new StatusError("TooManyRequests", thrown.message);
      throw thrown;
    }
  }
}

/** "v1" or "apps/v1". */
export function groupVersion(info: { readonly group: string; readonly version: string }): string {
  return info.group === "" ? info.version : `${info.group}/${info.version}`;
}

/** All versions of a resource have one form, so converting is naming the version. */
export function inVersion(info: ResourceInfo, object: KubeObject): KubeObject {
  const apiVersion = groupVersion(info);
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
}

function storedForm(info: ResourceInfo, object: KubeObject): KubeObject {
  return { ...object, apiVersion: groupVersion(info) };
}

function reportUnknown(info: ResourceInfo, unknown: readonly string[], context: Context): void {
  if (unknown.length === 0 || context.fieldValidation === "Ignore") return;
  const found = unknown.map((path) => `unknown field "${path}"`);
  if (context.fieldValidation === "Strict") {
    throw badRequest(
      `${info.kind} in version "${info.version}" cannot be handled as a ${info.kind}: strict decoding error: ${found.join(", ")}`,
    );
  }
  for (const line of found) if (context.warnings.length < 50) context.warnings.push(line);
}

function updatedMeta(old: ObjectMeta, meta: ObjectMeta): ObjectMeta {
  const result: ObjectMeta = { ...old };
  delete result.labels;
  delete result.annotations;
  delete result.ownerReferences;
  delete result.finalizers;
  const { labels = {}, annotations = {}, ownerReferences = [], finalizers = [] } = meta;
  if (Object.keys(labels).length > 0) result.labels = { ...labels };
  if (Object.keys(annotations).length > 0) result.annotations = { ...annotations };
  if (ownerReferences.length > 0) result.ownerReferences = ownerReferences;
  if (finalizers.length > 0) result.finalizers = finalizers;
  return result;
}

function withStatus(existing: KubeObject, next: KubeObject): KubeObject {
  const result = structuredClone(existing);
  if (next["status"] === undefined) delete result["status"];
  else result["status"] = next["status"];
  return result;
}

function keepStatus(existing: KubeObject, object: KubeObject): void {
  if (existing["status"] === undefined) delete object["status"];
  else object["status"] = structuredClone(existing["status"]);
}

function countGeneration(info: ResourceInfo, existing: KubeObject, object: KubeObject, part: Part): void {
  if (!info.generation) return;
  const generation = existing.metadata.generation ?? 1;
  const changed = part === "" && !Bun.deepEquals(observed(info, existing), observed(info, object));
  object.metadata.generation = changed ? generation + 1 : generation;
}

function observed(info: ResourceInfo, object: KubeObject): Rec {
  const { metadata: _metadata, status, apiVersion: _apiVersion, ...rest } = object;
  return info.status ? rest : { ...rest, status };
}

function assertPreconditions(info: ResourceInfo, object: KubeObject, options: Deletion): void {
  const { uid, resourceVersion, name } = object.metadata;
  if (options.uid !== null && options.uid !== uid) {
    throw conflict(info, name, `Precondition failed: UID in precondition: ${options.uid}, UID in object meta: ${uid}`);
  }
  if (options.resourceVersion !== null && options.resourceVersion !== resourceVersion) {
    throw conflict(
      info,
      name,
      `Precondition failed: ResourceVersion in precondition: ${options.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`,
    );
  }
}

function podGrace(pod: KubeObject, wanted: number | null): number {
  const spec = pod["spec"] as { nodeName?: string; terminationGracePeriodSeconds?: number } | undefined;
  const phase = (pod["status"] as { phase?: string } | undefined)?.phase;
  if ((spec?.nodeName ?? "") === "" || phase === "Succeeded" || phase === "Failed") return 0;
  const own = wanted ?? pod.metadata.deletionGracePeriodSeconds ?? spec?.terminationGracePeriodSeconds ?? 30;
  return Math.max(0, Math.floor(own));
}

function setPropagation(meta: ObjectMeta, propagation: Deletion["propagation"]): void {
  if (propagation === null) return;
  const finalizers = (meta.finalizers ?? []).filter((name) => name !== "orphan" && name !== "foregroundDeletion");
  if (propagation === "Orphan") finalizers.push("orphan");
  if (propagation === "Foreground") finalizers.push("foregroundDeletion");
  if (finalizers.length > 0) meta.finalizers = finalizers;
  else delete meta.finalizers;
}

/** A deleted object leaves the store once no finalizer and no grace period holds it. */
function removable(info: ResourceInfo, object: KubeObject): boolean {
  const meta = object.metadata;
  if (meta.deletionTimestamp === undefined) return false;
  if ((meta.finalizers?.length ?? 0) > 0 || (meta.deletionGracePeriodSeconds ?? 0) > 0) return false;
  const spec = info.key === "namespaces" ? (object["spec"] as { finalizers?: unknown[] } | undefined) : undefined;
  return (spec?.finalizers?.length ?? 0) === 0;
}
