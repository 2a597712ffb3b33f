/**
 * Keeps the EndpointSlices of ExternalWorkloads as they should be. Everything is compared anew soon after a change and once a
 * minute, so that what somebody else wrote mends itself.
 */
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import type { ReadonlyWatchable } from "#lib/watchable.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources } from "#kube/resource.ts";
import type { EndpointSlice } from "#kube/types/discovery.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import { LeaderLooks } from "../leader-looks.ts";
import { managedBy, managedByLabel, wantedSlices } from "./wanted-slices.ts";

export interface SliceWriterOptions {
  readonly index: ClusterIndex;
  readonly client: Pick<KubeClient, "list" | "create" | "replace" | "delete">;
  readonly leader: ReadonlyWatchable<boolean>;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
}

/** ms between looks when nothing changed. */
const lookEvery = 60_000;
const relevant = /^(external-workload|service):/;

export function startSliceWriter(options: SliceWriterOptions): { stop(): void } {
  const { index, client, leader, clock, log } = options;
  const writes = options.registry.counter(
    "external_endpoint_slice_writes_total",
    "EndpointSlices of ExternalWorkloads that were written, by outcome",
  );
  /** Whether the cluster may hold slices of ours: where nobody has ExternalWorkloads, nothing is listed all the time. */
  let mayHave = true;

  const write = async (operation: string, { metadata }: EndpointSlice, run: () => Promise<unknown>): Promise<void> => {
    try {
      await run();
      writes.cell({ operation, outcome: "written" }).value++;
    } catch (thrown) {
      const code = thrown instanceof MeshError ? thrown.code : "internal";
      writes.cell({ operation, outcome: code }).value++;
      const { namespace = "", name } = metadata;
      log.warn("Writing an EndpointSlice failed", { operation, namespace, name }, thrown);
    }
  };
  const reconcile = async (): Promise<void> => {
    const wanted = wantedSlices(index);
    if (wanted.size === 0 && !mayHave) return;
    const labelSelector = `${managedByLabel}=${managedBy}`;
    const { items } = await client.list<EndpointSlice>(resources.endpointSlices, { labelSelector });
    for (const stored of items) {
      if (!looks.mayWrite) return;
      const { namespace = "", name, labels, resourceVersion } = stored.metadata;
      // What is not ours must not go, whatever a server makes of the selector.
      if (labels?.[managedByLabel] !== managedBy) continue;
      const next = wanted.get(`${namespace}/${name}`);
      wanted.delete(`${namespace}/${name}`);
      if (next === undefined) {
        await write("delete", stored, () => client.delete(resources.endpointSlices, name, namespace));
      } else if (!same(stored, next)) {
        const metadata = { ...next.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
        await write("replace", next, () => client.replace(resources.endpointSlices, manifest({ ...next, metadata })));
      }
    }
    for (const next of wanted.values()) {
      if (!looks.mayWrite) return;
      await write("create", next, () => client.create(resources.endpointSlices, manifest(next)));
    }
    mayHave = index.externalWorkloads.size > 0;
  };
  const looks = new LeaderLooks({
    index,
    leader,
    clock,
    every: lookEvery,
    touched: (topic) => relevant.test(topic) && (index.externalWorkloads.size > 0 || mayHave),
    look: reconcile,
    onFailed: (thrown) =>
      log.warn("Comparing the EndpointSlices of ExternalWorkloads failed, trying again", {}, thrown),
    onLead: () => {
      mayHave = true;
    },
  });
  return looks;
}

function manifest(slice: EndpointSlice): object {
  return { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", ...slice };
}

function same(stored: EndpointSlice, wanted: EndpointSlice): boolean {
  const labels = Object.entries(wanted.metadata.labels ?? {});
  return (
    stored.addressType === wanted.addressType &&
    labels.every(([key, value]) => stored.metadata.labels?.[key] === value) &&
    Bun.deepEquals(stored.endpoints ?? [], wanted.endpoints) &&
    Bun.deepEquals(stored.ports ?? [], wanted.ports)
  );
}
