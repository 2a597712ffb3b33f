/**
 * What the injector knows of the cluster beside the pod in question: annotations of namespaces, and who owns whom.
 *
 * Watches keep both; what a watch has not brought yet (a ReplicaSet made a moment ago) is asked for once. Only names are kept.
 */
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Random } from "#lib/random.ts";
import type { KubeClient } from "#kube/client.ts";
import { resourceOf, resources, type Resource } from "#kube/resource.ts";
import type { KubeObject, OwnerReference } from "#kube/types/meta.ts";
import { watchResource, type ResourceWatch, type WatchClient, type WatchHandler } from "#kube/watch.ts";

/** A workload at the top of the chain of owners. */
export interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

export interface ClusterFacts {
  /** Throws when the namespace is unknown and can't be read. */
  namespaceAnnotations(namespace: string): Promise<Readonly<Record<string, string>>>;
  /** The top owner of an object with these owner references; null when nothing owns it. Never throws: an owner in doubt is the nearest known one. */
  owner(namespace: string, references: readonly OwnerReference[] | undefined): Promise<Owner | null>;
}

type FactsClient = WatchClient & Pick<KubeClient, "get">;

const metadataOnly = true;

/** Kinds that are owned by others themselves. */
const ownedKinds: readonly Resource[] = [resources.replicaSets, resources.jobs];
/** A pod's chain is at most ReplicaSet → Deployment or Job → CronJob; more would be a loop. */
const maxDepth = 4;

export class WatchedFacts implements ClusterFacts {
  readonly watches: readonly ResourceWatch[];
  private readonly namespaces = new NamespaceIndex();
  private readonly owners: ReadonlyMap<string, OwnerIndex>;
  private readonly client: FactsClient;
  private readonly log: Log;

  constructor(
    client: FactsClient,
    deps: { readonly clock: Clock; readonly random: Random; readonly log: Log; readonly signal?: AbortSignal },
  ) {
    this.client = client;
    this.log = deps.log;
    this.owners = new Map(ownedKinds.map(({ kind }) => [kind, new OwnerIndex()]));
    this.watches = [
      watchResource(client, { resource: resources.namespaces, metadataOnly }, this.namespaces, {
        ...deps,
        decode: onlyAnnotations,
      }),
      ...ownedKinds.map((resource) =>
        watchResource(client, { resource, metadataOnly }, this.owners.get(resource.kind) ?? new OwnerIndex(), {
          ...deps,
          decode: onlyOwner,
        }),
      ),
    ];
  }

  async namespaceAnnotations(namespace: string): Promise<Readonly<Record<string, string>>> {
    const known = this.namespaces.annotations.get(namespace);
    if (known !== undefined) return known;
    const found = await this.client.get<KubeObject>(resources.namespaces, namespace);
    return found.metadata.annotations ?? {};
  }

  async owner(namespace: string, references: readonly OwnerReference[] | undefined): Promise<Owner | null> {
    let owner = controllerOf(references);
    for (let depth = 0; owner !== null && depth < maxDepth; depth++) {
      const index = this.owners.get(owner.kind);
      if (index === undefined) return owner;
      const known = index.owners.get(`${namespace}/${owner.name}`);
      const above: Owner | null = known === undefined ? await this.ask(namespace, owner) : known;
      if (above === null) return owner;
      owner = above;
    }
    return owner;
  }

  private async ask(namespace: string, owner: Owner): Promise<Owner | null> {
    const resource = resourceOf(owner.apiVersion, owner.kind);
    if (resource === null) return null;
    try {
      const object = await this.client.get<KubeObject>(resource, owner.name, namespace);
      return controllerOf(object.metadata.ownerReferences);
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      this.log.warn("Finding a pod's owner failed", { namespace, kind: owner.kind, name: owner.name }, error);
      return null;
    }
  }
}

/** The owner that manages the object: the one marked so, else the only one. */
function controllerOf(references: readonly OwnerReference[] | undefined): Owner | null {
  const found =
    references?.find(({ controller }) => controller === true) ?? (references?.length === 1 ? references[0] : undefined);
  return found === undefined
    ? null
    : { apiVersion: found.apiVersion, kind: found.kind, name: found.name, uid: found.uid };
}

function onlyAnnotations({ metadata }: KubeObject): KubeObject {
  return { metadata: { name: metadata.name, annotations: metadata.annotations ?? {} } };
}

function onlyOwner({ metadata }: KubeObject): KubeObject {
  return {
    metadata: {
      name: metadata.name,
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      ownerReferences: metadata.ownerReferences ?? [],
    },
  };
}

class NamespaceIndex implements WatchHandler<KubeObject> {
  readonly annotations = new Map<string, Readonly<Record<string, string>>>();

  apply({ metadata }: KubeObject): void {
    this.annotations.set(metadata.name, metadata.annotations ?? {});
  }

  delete(_namespace: string, name: string): void {
    this.annotations.delete(name);
  }

  reset(all: readonly KubeObject[]): void {
    this.annotations.clear();
    for (const namespace of all) this.apply(namespace);
  }
}

/** Owners by "namespace/name"; null for objects that nothing owns. */
class OwnerIndex implements WatchHandler<KubeObject> {
  readonly owners = new Map<string, Owner | null>();

  apply({ metadata }: KubeObject): void {
    this.owners.set(`${metadata.namespace ?? ""}/${metadata.name}`, controllerOf(metadata.ownerReferences));
  }

  delete(namespace: string, name: string): void {
    this.owners.delete(`${namespace}/${name}`);
  }

  reset(all: readonly KubeObject[]): void {
    this.owners.clear();
    for (const object of all) this.apply(object);
  }
}
