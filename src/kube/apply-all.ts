/** Applies a set of manifests as `kubectl apply -f` would: in an order that works, waiting for new resource types. */
import { type Clock, sleep } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { KubeClient } from "./client.ts";
import { resourceOf, resources, type Resource } from "./resource.ts";
import type { KubeManifest, KubeObject } from "./types/meta.ts";

export interface ApplyAllOptions {
  readonly clock: Clock;
  /** An object was applied; `done` of `total` so far. */
  readonly onApplied?: (manifest: KubeManifest, done: number, total: number) => void;
}

/** Kinds that others need first. */
const first: readonly string[] = ["Namespace", "CustomResourceDefinition", "ServiceAccount", "ConfigMap", "Secret"];
/** ms that a new resource type may take until the API server serves it. */
const establishTimeout = 30_000;

interface Crd extends KubeObject {
  readonly status?: { readonly conditions?: ReadonlyArray<{ readonly type: string; readonly status: string }> };
}

function rank(manifest: KubeManifest): number {
  const index = first.indexOf(manifest.kind);
  return index < 0 ? first.length : index;
}

/** Applies all, or throws at the first one that is refused, naming it. */
export async function applyAll(
  client: KubeClient,
  manifests: readonly KubeManifest[],
  options: ApplyAllOptions,
): Promise<void> {
  const ordered = manifests.toSorted((a, b) => rank(a) - rank(b));
  let done = 0;
  for (const manifest of ordered) {
    const resource = resourceOf(manifest.apiVersion, manifest.kind);
    if (resource === null) {
      throw new MeshError(
        "unimplemented",
        `Could not apply ${manifest.kind} "${manifest.metadata.name ?? ""}": its kind (${manifest.apiVersion}) is unknown here`,
      );
    }
    await client.apply(resource, manifest, { force: true });
    if (resource === resources.customResourceDefinitions)
      await established(client, resource, manifest.metadata.name ?? "", options.clock);
    done++;
    options.onApplied?.(manifest, done, ordered.length);
  }
}

async function established(client: KubeClient, resource: Resource, name: string, clock: Clock): Promise<void> {
  const deadline = clock.now() + establishTimeout;
  for (;;) {
    const crd = await client.get<Crd>(resource, name);
    if ((crd.status?.conditions ?? []).some(({ type, status }) => type === "Established" && status === "True")) return;
    if (clock.now() > deadline)
      throw new MeshError("timeout", `The API server did not establish the resource type "${name}" within 30 s`);
    await sleep(clock, 100);
  }
}
