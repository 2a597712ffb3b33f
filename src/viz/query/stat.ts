/**
 * Golden metrics of resources: success rate, requests per second, latency percentiles, TCP, for a window of time.
 *
 * Without `to` and `from` a resource is seen by its own proxies' inbound side; with `to` by its proxies' outbound side,
 * limited to the target; with `from` by the outbound side of the source's proxies. Services and authorities have no
 * proxies: they are always seen by the clients that call them. Policies and routes are seen by the servers they guard.
 */
import type { PolicyKind, ResourceKind, ResourceRef } from "../metrics/resource.ts";
import { isPolicyKind } from "../metrics/resource.ts";
import type { StatPod, StatQuery, StatRow } from "../metrics/stat.ts";
import { classified, compareTexts, goldenBy, groupKey, type Golden } from "./golden.ts";
import { destinationMatchers, direction, ownLabel, ownMatchers } from "./selection.ts";
import type { Matcher, MetricsSource } from "./source.ts";

const noGolden: Golden = { success: null, rps: null, p50: null, p95: null, p99: null };

/** The rows for a query, sorted by namespace and name. */
export async function stat(
  query: StatQuery,
  pods: Iterable<StatPod>,
  source: MetricsSource,
): Promise<readonly StatRow[]> {
  const { kind } = query.resource;
  if (isPolicyKind(kind)) return await policyRows(kind, query, source);
  if (kind === "service" || kind === "authority") return await calledRows(query, [...pods], source);
  return await ownRows(query, [...pods], source);
}

/** Resources that have pods: all of them, with what is counted of each. */
async function ownRows(query: StatQuery, pods: readonly StatPod[], source: MetricsSource): Promise<StatRow[]> {
  const { resource, to, from } = query;
  const { kind } = resource;
  const own = ownLabel(kind);
  let where: Matcher[];
  let by: string[];
  if (from !== undefined) {
    where = [
      direction("outbound"),
      ...destinationMatchers(resource),
      ...ownMatchers({ ...query, resource: from }, pods),
    ];
    by = kind === "namespace" ? ["dst_namespace"] : ["dst_namespace", `dst_${kind}`];
  } else {
    where = [direction(to === undefined ? "inbound" : "outbound"), ...ownMatchers(query, pods)];
    if (to !== undefined) where.push(...destinationMatchers(to));
    by = kind === "namespace" ? ["namespace"] : ["namespace", own];
  }
  const side = to === undefined && from === undefined ? "src" : "dst";
  const [golden, tcp] = await Promise.all([
    goldenBy(source, { ...classified(""), where, by, window: query.window }),
    tcpBy(source, [...where, { label: "peer", op: "=", value: side }], by, query.window),
  ]);
  const numbers = new Map(golden.map((group) => [groupKey(group.labels, by), group]));
  return [...groupsOf(query, pods)]
    .map(([key, { namespace, name, status, meshed, total }]) => ({
      namespace,
      kind,
      name,
      status,
      meshed: { meshed, total },
      ...goldenOf(numbers.get(key)),
      ...(tcp.get(key) ?? { tcpOpenConnections: 0, tcpReadRate: 0, tcpWriteRate: 0 }),
    }))
    .filter((row) => query.unmeshed === true || row.meshed.meshed > 0 || row.rps !== null)
    .toSorted(byName);
}

/** Resources without pods, as their clients see them. */
async function calledRows(query: StatQuery, pods: readonly StatPod[], source: MetricsSource): Promise<StatRow[]> {
  const { resource, from } = query;
  const { kind } = resource;
  const where: Matcher[] = [direction("outbound"), ...destinationMatchers(resource)];
  if (from !== undefined) where.push(...ownMatchers({ ...query, resource: from }, pods));
  // An authority belongs to the namespace of whoever calls it: the name itself says nothing.
  const by = kind === "authority" ? ["namespace", "authority"] : ["dst_namespace", `dst_${kind}`];
  if (kind === "authority" && resource.namespace !== null) {
    where.push({ label: "namespace", op: "=", value: resource.namespace });
  }
  const groups = await goldenBy(source, { ...classified(""), where, by, window: query.window });
  return groups
    .map((group) => ({
      namespace: group.labels[by[0]!] ?? "",
      kind,
      name: group.labels[by[1]!] ?? "",
      status: null,
      meshed: null,
      ...goldenOf(group),
      tcpOpenConnections: null,
      tcpReadRate: null,
      tcpWriteRate: null,
    }))
    .toSorted(byName);
}

/** How the inbound metrics name each kind of policy. */
const policyLabels: Readonly<
  Record<PolicyKind, { readonly prefix: "srv" | "authz" | "route"; readonly kind: string }>
> = {
  server: { prefix: "srv", kind: "server" },
  serverauthorization: { prefix: "authz", kind: "serverauthorization" },
  authorizationpolicy: { prefix: "authz", kind: "authorizationpolicy" },
  httproute: { prefix: "route", kind: "HTTPRoute" },
  grpcroute: { prefix: "route", kind: "GRPCRoute" },
};

async function policyRows(kind: PolicyKind, query: StatQuery, source: MetricsSource): Promise<StatRow[]> {
  const { resource, window } = query;
  const { prefix, kind: value } = policyLabels[kind];
  const label = `${prefix}_name`;
  const where: Matcher[] = [
    { label: `${prefix}_kind`, op: "=", value },
    resource.name === null ? { label, op: "!=", value: "" } : { label, op: "=", value: resource.name },
  ];
  if (resource.namespace !== null) where.push({ label: "namespace", op: "=", value: resource.namespace });
  const by = prefix === "route" ? ["namespace", label, "srv_name"] : ["namespace", label];
  const [golden, denied] = await Promise.all([
    goldenBy(source, { ...classified(""), where: [direction("inbound"), ...where], by, window }),
    source.sum({ metric: "inbound_http_authz_deny_total", of: "rate", where, by, window }),
  ]);
  const refused = new Map(denied.map((sum) => [groupKey(sum.labels, by), sum]));
  const numbers = new Map(golden.map((group) => [groupKey(group.labels, by), group]));
  return [...new Set([...numbers.keys(), ...refused.keys()])]
    .map((key) => {
      const labels = (numbers.get(key) ?? refused.get(key))!.labels;
      return {
        namespace: labels["namespace"] ?? "",
        kind,
        name: labels[label] ?? "",
        status: null,
        meshed: null,
        ...(prefix === "route" ? { server: labels["srv_name"] ?? "" } : {}),
        ...(prefix === "authz" ? {} : { unauthorized: refused.get(key)?.value ?? 0 }),
        ...goldenOf(numbers.get(key)),
        tcpOpenConnections: null,
        tcpReadRate: null,
        tcpWriteRate: null,
      };
    })
    .toSorted(byName);
}

interface Group {
  readonly namespace: string;
  readonly name: string;
  status: string | null;
  meshed: number;
  total: number;
}

/** The resources of the query that have pods, by the key that sums have. */
function groupsOf({ resource, selects }: StatQuery, pods: readonly StatPod[]): Map<string, Group> {
  const { kind } = resource;
  const groups = new Map<string, Group>();
  for (const pod of pods) {
    const name = nameOf(pod, kind);
    if (name === null || !isMeant(pod, name, resource) || !(selects?.(pod.labels) ?? true)) continue;
    const key = kind === "namespace" ? name : `${pod.namespace}\0${name}`;
    let group = groups.get(key);
    if (group === undefined) {
      group = { namespace: kind === "namespace" ? "" : pod.namespace, name, status: null, meshed: 0, total: 0 };
      groups.set(key, group);
    }
    if (kind === "pod") group.status = pod.status;
    if (!pod.running) continue;
    group.total++;
    if (pod.meshed) group.meshed++;
  }
  return groups;
}

function nameOf(pod: StatPod, kind: ResourceKind): string | null {
  if (kind === "pod") return pod.name;
  if (kind === "namespace") return pod.namespace;
  return pod.owners.get(kind) ?? null;
}

function isMeant(pod: StatPod, name: string, { namespace, name: wanted }: ResourceRef): boolean {
  return (namespace === null || pod.namespace === namespace) && (wanted === null || name === wanted);
}

interface Tcp {
  tcpOpenConnections: number;
  tcpReadRate: number;
  tcpWriteRate: number;
}

async function tcpBy(
  source: MetricsSource,
  where: readonly Matcher[],
  by: readonly string[],
  window: number,
): Promise<Map<string, Tcp>> {
  const found = new Map<string, Tcp>();
  const add = async (field: keyof Tcp, metric: string, of: "rate" | "latest"): Promise<void> => {
    for (const { labels, value } of await source.sum({ metric, of, where, by, window })) {
      const key = groupKey(labels, by);
      let tcp = found.get(key);
      if (tcp === undefined) found.set(key, (tcp = { tcpOpenConnections: 0, tcpReadRate: 0, tcpWriteRate: 0 }));
      tcp[field] += value;
    }
  };
  await Promise.all([
    add("tcpOpenConnections", "tcp_open_connections", "latest"),
    add("tcpReadRate", "tcp_read_bytes_total", "rate"),
    add("tcpWriteRate", "tcp_write_bytes_total", "rate"),
  ]);
  return found;
}

function goldenOf({ success, rps, p50, p95, p99 }: Golden = noGolden): Golden {
  return { success, rps, p50, p95, p99 };
}

function byName(a: StatRow, b: StatRow): number {
  return compareTexts([a.namespace, a.name], [b.namespace, b.name]);
}
