/**
 * Writes back to Kubernetes what becomes of routes, rate limits and egress networks, and of Servers, which have no status,
 * in events. Everything is judged anew after changes and every ten seconds; only what differs is written, a few at a time,
 * so that a failed write or one by another hand mends itself.
 */
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import type { Cidr } from "#lib/net-addr.ts";
import type { ReadonlyWatchable } from "#lib/watchable.ts";
import type { KubeClient } from "#kube/client.ts";
import type { EventWriter } from "#kube/events.ts";
import { resources, type Resource } from "#kube/resource.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import type { PolicyRecord } from "../index/policy/policy-record.ts";
import { LeaderLooks } from "../leader-looks.ts";
import { denyStatus, faultStatus, requirementStatus } from "./extension-status.ts";
import { egressStatus } from "./egress-status.ts";
import { rateLimitStatus } from "./rate-limit-status.ts";
import { routeStatus } from "./route-status.ts";
import { overlapMessage, serverOverlaps } from "./server-overlaps.ts";

export interface StatusWriterOptions {
  readonly index: ClusterIndex;
  readonly client: Pick<KubeClient, "patch">;
  readonly events: Pick<EventWriter, "write">;
  readonly leader: ReadonlyWatchable<boolean>;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
  /** ms until a write must have ended. Default 5 s. */
  readonly timeout: number;
  readonly clusterNetworks: readonly Cidr[];
}

export interface StatusWriter {
  stop(): void;
}

/** ms between looks at everything. */
const reconcileEvery = 10_000;
/** Writes at a time. */
const concurrency = 4;
/** Writes of one look at most; the next look has the rest. */
const perLook = 1000;
/** What a status can depend on. */
const relevant =
  /^(routes|servers|service|rate-limits|egress-networks|deny-policies|fault-injections|mesh-tls-requirements):/;
/** What the overlaps of Servers depend on. */
const overlapping = /^(servers|pod):/;

interface Write {
  readonly resource: Resource;
  readonly record: PolicyRecord;
  readonly status: object;
}

export function startStatusWriter(options: StatusWriterOptions): StatusWriter {
  const { index, client, leader, clock, log } = options;
  const writes = options.registry.counter("policy_status_writes_total", "Statuses written back, by outcome");
  let overlapsDue = true;
  let told = new Set<string>();
  let toldInvalid = new Set<string>();

  const look = async (): Promise<void> => {
    const now = new Date(clock.wall()).toISOString().replace(/\.\d+Z$/, "Z");
    await writeAll(wanted(index, options.clusterNetworks, now));
    tellOverlaps();
    tellInvalid();
  };
  const writeAll = async (all: readonly Write[]): Promise<void> => {
    const queue = all.slice(0, perLook);
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        if (!looks.mayWrite) return;
        await write(next);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
  };
  const write = async ({ resource, record, status }: Write): Promise<void> => {
    const { namespace, name } = record;
    const { resourceVersion } = record.metadata;
    try {
      // With the version that was judged: a newer one is judged again before anything is written about it.
      const body = { metadata: { resourceVersion }, status };
      const target = { name, namespace, subresource: "status" };
      await client.patch(resource, target, "merge", body, { timeout: options.timeout });
      writes.cell({ kind: resource.kind, outcome: "written" }).value++;
    } catch (thrown) {
      const code = thrown instanceof MeshError ? thrown.code : "internal";
      writes.cell({ kind: resource.kind, outcome: code }).value++;
      // Somebody wrote meanwhile, or it is gone: the watch brings what is new.
      if (code === "conflict" || code === "not-found") return;
      log.warn("Writing a status failed", { kind: resource.kind, namespace, name }, thrown);
    }
  };

  /** Each once for as long as it lasts. */
  const tellOverlaps = (): void => {
    if (!overlapsDue) return;
    overlapsDue = false;
    const before = told;
    told = new Set();
    for (const overlap of serverOverlaps(index)) {
      const { older, younger } = overlap;
      const { namespace, name, uid } = younger;
      const key = `${namespace}/${older.name}/${name}`;
      told.add(key);
      if (before.has(key)) continue;
      const object = { apiVersion: "policy.linkerd.io/v1beta3", kind: "Server", namespace, name, uid };
      options.events.write({ object, type: "Warning", reason: "ServerOverlap", message: overlapMessage(overlap) });
    }
  };

  /** Each as it is written once; the status says it to its owner, the log to whoever runs the mesh. */
  const tellInvalid = (): void => {
    const before = toldInvalid;
    toldInvalid = new Set();
    for (const { kind, record } of invalidRecords(index)) {
      if (toldInvalid.size >= perLook) return;
      const { namespace, name, generation, invalid } = record;
      const key = `${kind}/${namespace}/${name}/${generation}/${invalid}`;
      toldInvalid.add(key);
      if (before.has(key)) continue;
      log.warn("A resource that is not valid is stored; its own part fails until it is mended", {
        kind,
        namespace,
        name,
        why: invalid ?? "",
      });
    }
  };

  const looks = new LeaderLooks({
    index,
    leader,
    clock,
    every: reconcileEvery,
    touched: (topic) => {
      overlapsDue ||= overlapping.test(topic);
      return relevant.test(topic);
    },
    look,
    onFailed: (thrown) => log.error("Judging statuses failed, trying again", {}, thrown),
    onLead: () => {
      // What another one told meanwhile is not known.
      overlapsDue = true;
    },
  });
  return looks;
}

function* invalidRecords({ policy }: ClusterIndex): Generator<{
  readonly kind: string;
  readonly record: PolicyRecord & { readonly invalid: string | null };
}> {
  const kinds = [
    ["HTTPRoute", policy.policyHttpRoutes],
    ["HTTPRoute", policy.httpRoutes],
    ["GRPCRoute", policy.grpcRoutes],
    ["TLSRoute", policy.tlsRoutes],
    ["TCPRoute", policy.tcpRoutes],
    ["HTTPLocalRateLimitPolicy", policy.rateLimits],
    ["EgressNetwork", policy.egressNetworks],
    ["DenyPolicy", policy.denyPolicies],
    ["FaultInjection", policy.faultInjections],
    ["MeshTLSRequirement", policy.meshTlsRequirements],
  ] as const;
  for (const [kind, records] of kinds) {
    for (const record of records.values()) if (record.invalid !== null) yield { kind, record };
  }
}

/** Everything whose stored status is not what it should be. */
export function wanted(index: ClusterIndex, clusterNetworks: readonly Cidr[], now: string): Write[] {
  const { policy } = index;
  const out: Write[] = [];
  const routes = [
    [resources.policyHttpRoutes, policy.policyHttpRoutes],
    [resources.httpRoutes, policy.httpRoutes],
    [resources.grpcRoutes, policy.grpcRoutes],
    [resources.tlsRoutes, policy.tlsRoutes],
    [resources.tcpRoutes, policy.tcpRoutes],
  ] as const;
  for (const [resource, records] of routes) {
    for (const record of records.values()) {
      const parents = routeStatus(index, record, now);
      if (parents !== null) out.push({ resource, record, status: { parents } });
    }
  }
  for (const record of policy.rateLimits.values()) {
    const status = rateLimitStatus(index, record, now);
    if (status !== null) out.push({ resource: resources.httpLocalRateLimitPolicies, record, status });
  }
  for (const record of policy.egressNetworks.values()) {
    const status = egressStatus(record, clusterNetworks, now);
    if (status !== null) out.push({ resource: resources.egressNetworks, record, status });
  }
  for (const record of policy.denyPolicies.values()) {
    const status = denyStatus(index, record, now);
    if (status !== null) out.push({ resource: resources.denyPolicies, record, status });
  }
  for (const record of policy.faultInjections.values()) {
    const status = faultStatus(index, record, now);
    if (status !== null) out.push({ resource: resources.faultInjections, record, status });
  }
  for (const record of policy.meshTlsRequirements.values()) {
    const status = requirementStatus(index, record, now);
    if (status !== null) out.push({ resource: resources.meshTlsRequirements, record, status });
  }
  return out;
}
