/**
 * Compares the indexes with fresh lists, now and then, and counts differences. The watches should never lose anything; when
 * they do, traffic goes to pods that are gone, and this is how one gets to know.
 */
import type { Clock, Timer } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import type { WatchClient } from "#kube/watch.ts";
import { objectKey } from "./index/object-index.ts";
import type { IndexSource } from "./watches.ts";

/** ms between checks, and between the two looks of one. */
const checkEvery = 5 * 60_000;
const lookAgain = 15_000;

export interface SelfCheck {
  stop(): void;
}

export function startSelfCheck(
  client: WatchClient,
  sources: readonly IndexSource[],
  registry: Registry,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): SelfCheck {
  const checks = registry.counter("index_checks_total", "Comparisons of an index with a fresh list");
  const differences = registry.counter("index_differences_total", "Objects whose index entry was found stale");
  for (const { resource } of sources) {
    checks.cell({ kind: resource.kind });
    differences.cell({ kind: resource.kind });
  }
  let stopped = false;
  let timer: Timer;
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      timer = clock.after(ms, resolve);
    });
  const run = async (): Promise<void> => {
    for (;;) {
      await pause(checkEvery);
      for (const source of sources) {
        if (stopped) return;
        try {
          if (!source.index.fed) continue;
          const first = await compare(client, source);
          checks.cell({ kind: source.resource.kind }).value++;
          if (first.size === 0) continue;
          await pause(lookAgain);
          const second = await compare(client, source);
          for (const [key, difference] of first) {
            // What is still the very same difference was not just on its way.
            if (second.get(key) !== difference) continue;
            differences.cell({ kind: source.resource.kind }).value++;
            log.error("The index differs from the API server", { kind: source.resource.kind, object: key, difference });
          }
        } catch (thrown) {
          const code = thrown instanceof MeshError ? thrown.code : "internal";
          // What the program can do without may be there in an older version only, or not any more.
          if (source.optional && (code === "not-found" || code === "permission-denied")) continue;
          log.warn("Comparing the index with a fresh list failed", { kind: source.resource.kind }, thrown);
        }
      }
    }
  };
  void run();
  return {
    stop() {
      stopped = true;
      timer.cancel();
    },
  };
}

/** Objects by key whose versions differ, with both versions. */
export async function compare(client: WatchClient, source: IndexSource): Promise<Map<string, string>> {
  const { index, resource, metadataOnly } = source;
  const listed = await client.list<KubeObject>(resource, { metadataOnly }, (item) => {
    const { namespace = "", name, resourceVersion = "" } = item.metadata;
    if (index.get(namespace, name) === undefined && !wanted(source, item)) return null;
    return { metadata: { namespace, name, resourceVersion } };
  });
  const indexed = index.versions();
  const out = new Map<string, string>();
  for (const { metadata } of listed.items) {
    const key = objectKey(metadata.namespace ?? "", metadata.name);
    const version = metadata.resourceVersion ?? "";
    const known = indexed.get(key);
    indexed.delete(key);
    if (known !== version) out.set(key, `listed ${version}, indexed ${known ?? "nothing"}`);
  }
  for (const [key, version] of indexed) out.set(key, `listed nothing, indexed ${version}`);
  return out;
}

/** Whether the index would hold the object at all. */
function wanted(source: IndexSource, item: Parameters<IndexSource["decode"]>[0]): boolean {
  try {
    return source.decode(item) !== null;
  } catch {
    // An object that can't be read is left out on purpose, and counted by its watch.
    return false;
  }
}
