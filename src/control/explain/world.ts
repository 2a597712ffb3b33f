/**
 * The cluster as the control plane sees it, read once: the same sources, decoders and index as the running programs have, with
 * the settings that the running ones were started with.
 */
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { KubeClient } from "#kube/client.ts";
import { describe, resources } from "#kube/resource.ts";
import type { Container } from "#kube/types/core.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { destinationConfig, policyConfig } from "../config.ts";
import type { DestinationSettings } from "../destination/settings.ts";
import { untracked } from "../index/derivations.ts";
import { ClusterIndex } from "../index/cluster-index.ts";
import type { InboundSettings } from "../policy/inbound.ts";
import type { OutboundSettings } from "../policy/outbound.ts";
import { type IndexSource, indexSources, policySources, profileSources } from "../watches.ts";

export interface World {
  readonly index: ClusterIndex;
  readonly inbound: InboundSettings;
  readonly outbound: OutboundSettings;
  readonly destination: DestinationSettings;
  /** What could not be read, for the reader of an explanation. */
  readonly notes: readonly string[];
}

/** Kinds that are read at a time. */
const concurrency = 6;

/** `namespace`: of the control plane. Throws "not-found" where there is none. */
export async function readWorld(client: Pick<KubeClient, "get" | "list">, namespace: string, log: Log): Promise<World> {
  const args = await startedWith(client, namespace);
  const policy = policyConfig(args("policy"));
  const index = new ClusterIndex((run) => run(), log);
  const notes: string[] = [];
  const waiting: IndexSource[] = [...indexSources(index), ...policySources(index), ...profileSources(index)];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await read(client, next, notes);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  for (const uri of index.policy.keySetAddresses(untracked)) {
    notes.push(`The keys at "${uri}" are not read here: tokens that need them count as not good`);
  }
  const { settings } = destinationConfig(args("destination"));
  return { index, inbound: policy.inbound, outbound: policy.outbound, destination: settings, notes: notes.sort() };
}

async function read(client: Pick<KubeClient, "list">, source: IndexSource, notes: string[]): Promise<void> {
  const { resource, decode, index } = source;
  let items: readonly KubeObject[];
  try {
    items = (await client.list(resource)).items;
  } catch (thrown) {
    // A kind that the cluster does not know has no objects; what may not be read is told.
    if (thrown instanceof MeshError && thrown.code === "not-found") return;
    if (!(thrown instanceof MeshError) || source.optional !== "always") throw thrown;
    notes.push(`Could not read ${resource.plural}: ${thrown.message}`);
    return;
  }
  for (const object of items) {
    try {
      const record = decode(object);
      if (record !== null) index.apply(record);
    } catch (thrown) {
      // As in the running control plane, it counts as absent; here its owner should hear of it.
      const name = describe(resource, object.metadata.name, object.metadata.namespace);
      notes.push(`${name} is left out: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    }
  }
  index.fed = true;
}

async function startedWith(
  client: Pick<KubeClient, "get">,
  namespace: string,
): Promise<(container: string) => readonly string[]> {
  const deployment = await client.get<
    KubeObject & { readonly spec?: { readonly template?: { readonly spec?: { readonly containers?: Container[] } } } }
  >(resources.deployments, "linkerd-destination", namespace);
  const containers = deployment.spec?.template?.spec?.containers ?? [];
  return (name) => {
    const args = containers.find((container) => container.name === name)?.args ?? [];
    const first = args.findIndex((word) => word.startsWith("-"));
    return first < 0 ? [] : args.slice(first);
  };
}
