/** Whether a stop of our pod means that the plugin goes: an update or an eviction leaves it on the node. */
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Random } from "#lib/random.ts";
import { type ReadonlyWatchable, Watchable } from "#lib/watchable.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { type WatchClient, type WatchHandler, watchResource } from "#kube/watch.ts";

export type Ending =
  /** Somebody removes the plugin. */
  | { readonly kind: "removal"; readonly reason: string }
  /** Another pod takes over, or nobody knows. */
  | { readonly kind: "pause"; readonly reason: string };

export interface OwnDaemonSet {
  readonly namespace: string;
  readonly name: string;
}

const isGoing = (object: KubeObject): boolean => object.metadata.deletionTimestamp !== undefined;

/**
 * Asks the API server about our DaemonSet and its namespace. Only what it says of them counts: a refusal may be a token that
 * could not be renewed, and without the plugin pods would start that nothing is redirected in.
 */
export async function whyWeStop(client: Pick<KubeClient, "get">, { namespace, name }: OwnDaemonSet): Promise<Ending> {
  const parts = [
    { what: "the DaemonSet", find: () => client.get(resources.daemonSets, name, namespace) },
    { what: "the namespace", find: () => client.get(resources.namespaces, namespace) },
  ];
  let unknown: string | null = null;
  for (const { what, find } of parts) {
    try {
      if (isGoing(await find())) return { kind: "removal", reason: `${what} is being deleted` };
    } catch (thrown) {
      if (thrown instanceof MeshError && thrown.code === "not-found") {
        return { kind: "removal", reason: `${what} is gone` };
      }
      unknown ??= `the API server can't be asked about ${what}: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
    }
  }
  return { kind: "pause", reason: unknown ?? "the DaemonSet stays" };
}

/** Remembers what is heard of an object's end. */
class EndOf implements WatchHandler<KubeObject> {
  reason: string | null = null;
  private readonly what: string;
  private readonly changed: () => void;

  constructor(what: string, changed: () => void) {
    this.what = what;
    this.changed = changed;
  }

  apply(object: KubeObject): void {
    // Somebody may make it anew.
    this.set(isGoing(object) ? `${this.what} is being deleted` : null);
  }

  delete(): void {
    this.set(`${this.what} is gone`);
  }

  reset(all: readonly KubeObject[], removed: readonly unknown[]): void {
    if (removed.length > 0) this.delete();
    for (const object of all) this.apply(object);
  }

  private set(reason: string | null): void {
    this.reason = reason;
    this.changed();
  }
}

export interface RemovalWatch {
  /** Why the plugin goes, as far as was heard until now; null: it stays. */
  readonly reason: ReadonlyWatchable<string | null>;
  stop(): void;
}

/**
 * Hears of the end of our DaemonSet and its namespace when it comes. An uninstallation takes our rights at about the same
 * time, so that to ask at the end may be too late; a watch that is open goes on without them.
 */
export function watchRemoval(
  client: WatchClient,
  { namespace, name }: OwnDaemonSet,
  deps: { readonly clock: Clock; readonly random: Random; readonly log: Log },
): RemovalWatch {
  const reason = new Watchable<string | null>(null);
  const publish = (): void => reason.set(daemonSet.reason ?? ownNamespace.reason);
  const daemonSet = new EndOf("the DaemonSet", publish);
  const ownNamespace = new EndOf("the namespace", publish);
  // A role of an earlier version does not permit it; then there is only the question at the end.
  const options = { ...deps, optional: "always" } as const;
  const of = (selected: string) => ({ fieldSelector: `metadata.name=${selected}`, metadataOnly: true });
  const watches = [
    watchResource(client, { resource: resources.daemonSets, namespace, ...of(name) }, daemonSet, options),
    watchResource(client, { resource: resources.namespaces, ...of(namespace) }, ownNamespace, options),
  ];
  return {
    reason,
    stop() {
      for (const watch of watches) watch.stop();
    },
  };
}
