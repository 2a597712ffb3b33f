/** Which objects are watched, and which index they feed. */
import type { Clock } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import type { Random } from "#lib/random.ts";
import { Watchable, type ReadonlyWatchable } from "#lib/watchable.ts";
import { resources, type Resource } from "#kube/resource.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { goesWithout, type Optional, type ResourceWatch, type WatchClient, watchResource } from "#kube/watch.ts";
import type { ClusterIndex } from "./index/cluster-index.ts";
import type { IndexedObject, ObjectIndex } from "./index/object-index.ts";
import { decodeExternalWorkload } from "./index/external-workload.ts";
import { decodeAuthorizationPolicy } from "./index/policy/authorization-policy.ts";
import { decodeEgressNetwork } from "./index/policy/egress-network.ts";
import { decodeDenyPolicy } from "./index/policy/deny-policy.ts";
import { decodeFaultInjection } from "./index/policy/fault-injection.ts";
import { decodeJwtAuthentication } from "./index/policy/jwt-authentication.ts";
import { decodeMeshTlsAuthentication } from "./index/policy/mesh-tls-authentication.ts";
import { decodeMeshTlsRequirement } from "./index/policy/mesh-tls-requirement.ts";
import { decodeNetworkAuthentication } from "./index/policy/network-authentication.ts";
import { decodeRateLimit } from "./index/policy/rate-limit.ts";
import { decodeGrpcRoute, decodeHttpRoute, decodeStreamRoute } from "./index/policy/route.ts";
import { decodeServerAuthorization } from "./index/policy/server-authorization.ts";
import { decodeServer } from "./index/policy/server.ts";
import { decodeServiceProfile } from "./index/policy/service-profile.ts";
import { decodeTrafficSplit } from "./index/policy/traffic-split.ts";
import { decodeNamespace, decodeNode, decodeOwner } from "./index/scope.ts";
import { decodeService } from "./index/service.ts";
import { Shared } from "./index/shared.ts";
import { decodeSlice } from "./index/slice.ts";
import { decodeWorkload } from "./index/workload.ts";
import { withoutNulls } from "./index/without-nulls.ts";

/** One row of the table: a kind, how it is read, and where it goes. */
export interface IndexSource {
  readonly resource: Resource;
  readonly decode: (object: KubeObject) => IndexedObject | null;
  readonly index: ObjectIndex<IndexedObject>;
  readonly start: (client: WatchClient, deps: WatchDeps & { onLag: (seconds: number) => void }) => ResourceWatch;
  /** Only names, labels and owners are read: what pods of a ReplicaSet look like need not travel. */
  readonly metadataOnly: boolean;
  /** Where the program goes without; null: never. */
  readonly optional: Optional | null;
}

export interface WatchDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

function source<T extends IndexedObject>(
  resource: Resource,
  decode: (object: KubeObject) => T | null,
  index: ObjectIndex<T>,
  options: {
    readonly optional?: Optional;
    readonly metadataOnly?: boolean;
    /** Older versions, for clusters that have no newer one. */
    readonly older?: readonly string[];
  } = {},
): IndexSource {
  const { optional = null, metadataOnly = false } = options;
  const older = (options.older ?? []).map((version) => ({ ...resource, version }));
  return {
    optional,
    resource,
    metadataOnly,
    decode,
    index: index as unknown as ObjectIndex<IndexedObject>,
    start: (client, deps) =>
      watchResource<T>(client, { resource, older, metadataOnly }, index, {
        ...deps,
        decode,
        ...(optional === null ? {} : { optional }),
      }),
  };
}

/** For custom resources: whatever is null there is absent. Of its own kinds the API server sends no nulls. */
function custom<T>(decode: (object: KubeObject) => T): (object: KubeObject) => T {
  return (object) => decode(withoutNulls(object));
}

/** Useful but not needed. */
const optional = { optional: "always" } as const;
/** What forbids something: where it may not be read, to go on would be to allow it. It may not be there, or come later. */
const restricting = { optional: "absent" } as const;

export function indexSources(index: ClusterIndex): readonly IndexSource[] {
  const shared = new Shared();
  const sharing =
    <T>(decode: (object: KubeObject, shared: Shared) => T) =>
    (object: KubeObject): T =>
      decode(object, shared);
  return [
    // Linkerd's own roles leave namespaces out: its injector copies their annotations to pods and Services.
    source(resources.namespaces, decodeNamespace, index.namespaces, { optional: "always", metadataOnly: true }),
    source(resources.nodes, decodeNode, index.nodes, { metadataOnly: true }),
    source(resources.replicaSets, sharing(decodeOwner), index.replicaSets, { metadataOnly: true }),
    source(resources.jobs, sharing(decodeOwner), index.jobs, { optional: "always", metadataOnly: true }),
    source(resources.pods, sharing(decodeWorkload), index.pods),
    source(resources.services, sharing(decodeService), index.services),
    source(resources.endpointSlices, sharing(decodeSlice), index.slices),
    // Linkerd's own roles let both programs read them; without, only pods are known.
    source(resources.externalWorkloads, custom(decodeExternalWorkload), index.externalWorkloads, {
      ...optional,
      older: ["v1alpha1"],
    }),
    source(resources.servers, custom(decodeServer), index.policy.servers, restricting),
    source(
      resources.meshTlsRequirements,
      custom(decodeMeshTlsRequirement),
      index.policy.meshTlsRequirements,
      restricting,
    ),
  ];
}

/** What only the destination program reads. */
export function profileSources({ policy }: ClusterIndex): readonly IndexSource[] {
  return [
    source(resources.serviceProfiles, custom(decodeServiceProfile), policy.profiles, optional),
    source(resources.trafficSplits, custom(decodeTrafficSplit), policy.splits, optional),
  ];
}

/** What only the policy program reads. Kinds of the Gateway API are not everywhere; ours come with the mesh, but maybe later. */
export function policySources({ policy }: ClusterIndex): readonly IndexSource[] {
  return [
    source(resources.serverAuthorizations, custom(decodeServerAuthorization), policy.serverAuthorizations, optional),
    source(resources.authorizationPolicies, custom(decodeAuthorizationPolicy), policy.authorizationPolicies, optional),
    source(resources.meshTlsAuthentications, custom(decodeMeshTlsAuthentication), policy.meshTls, optional),
    source(resources.networkAuthentications, custom(decodeNetworkAuthentication), policy.networks, optional),
    // Ours. What is not read permits nobody.
    source(resources.jwtAuthentications, custom(decodeJwtAuthentication), policy.jwts, optional),
    source(resources.httpLocalRateLimitPolicies, custom(decodeRateLimit), policy.rateLimits, restricting),
    source(resources.denyPolicies, custom(decodeDenyPolicy), policy.denyPolicies, restricting),
    // Ours: not there with Linkerd's own definitions and roles. What is not read does no harm.
    source(resources.faultInjections, custom(decodeFaultInjection), policy.faultInjections, optional),
    source(resources.egressNetworks, custom(decodeEgressNetwork), policy.egressNetworks, restricting),
    source(
      resources.policyHttpRoutes,
      custom(decodeHttpRoute("policy.linkerd.io")),
      policy.policyHttpRoutes,
      restricting,
    ),
    source(resources.httpRoutes, custom(decodeHttpRoute("gateway.networking.k8s.io")), policy.httpRoutes, restricting),
    source(resources.grpcRoutes, custom(decodeGrpcRoute), policy.grpcRoutes, restricting),
    source(resources.tlsRoutes, custom(decodeStreamRoute("TLSRoute")), policy.tlsRoutes, {
      ...restricting,
      older: ["v1alpha3", "v1alpha2"],
    }),
    source(resources.tcpRoutes, custom(decodeStreamRoute("TCPRoute")), policy.tcpRoutes, restricting),
  ];
}

export interface Watches {
  /** Every kind was listed once, or is optional and refused. */
  readonly ready: ReadonlyWatchable<boolean>;
  stop(): Promise<void>;
}

export function startWatches(
  client: WatchClient,
  sources: readonly IndexSource[],
  registry: Registry,
  deps: WatchDeps,
): Watches {
  const rows = sources.map((row) => {
    const lag = informerLag(registry, row.resource);
    const watch = row.start(client, { ...deps, onLag: (seconds) => lag.observe(seconds) });
    return { watch, optional: row.optional };
  });
  const watches = rows.map(({ watch }) => watch);
  const ready = new Watchable(false);
  const look = (): void => {
    const settled = rows.every(
      ({ watch, optional }) => watch.listed.get() || goesWithout(optional, watch.refused.get()),
    );
    if (settled && !ready.get()) ready.set(true);
  };
  for (const { listed, refused } of watches) {
    listed.watch(look);
    refused.watch(look);
  }
  publish(watches, registry);
  return {
    ready,
    async stop() {
      for (const watch of watches) watch.stop();
      await Promise.all(watches.map((watch) => watch.ended));
    },
  };
}

/** By Linkerd's name of it; the API server's clock tells whole seconds, so that the first bucket is about right. */
function informerLag(registry: Registry, { plural }: Resource): { observe(seconds: number): void } {
  const help = `Seconds from a change of ${plural} to when it was seen here`;
  return registry
    .histogram(`${plural}_informer_lag_seconds`, help, [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1000])
    .cell();
}

/** The drivers' counters as metrics. */
function publish(watches: readonly ResourceWatch[], registry: Registry): void {
  const objects = registry.gauge("kube_watch_objects", "Objects known of a kind");
  const events = registry.counter("kube_watch_events_total", "Changes that a watch brought");
  const lists = registry.counter("kube_watch_lists_total", "Times that a kind was listed anew");
  const failures = registry.counter("kube_watch_failures_total", "Lists and watches that failed or broke");
  const skipped = registry.counter("kube_watch_skipped_total", "Objects that could not be read or indexed");
  const seen = registry.gauge(
    "kube_watch_last_seen_timestamp_seconds",
    "When a watch last brought anything, in seconds since the UNIX epoch",
  );
  registry.onCollect(() => {
    for (const { resource, stats } of watches) {
      const labels = { kind: resource.kind };
      objects.cell(labels).value = stats.objects;
      events.cell(labels).value = stats.events;
      lists.cell(labels).value = stats.lists;
      failures.cell(labels).value = stats.failures;
      skipped.cell(labels).value = stats.skipped;
      seen.cell(labels).value = Math.round(stats.lastSeen / 1000);
    }
  });
}
