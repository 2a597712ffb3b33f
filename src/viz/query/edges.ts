/** Who is connected to whom, seen by the clients' proxies, and how the connections are secured. */
import type { StatPod } from "../metrics/stat.ts";
import { classified, compareTexts, goldenBy, groupKey } from "./golden.ts";
import { direction, ownLabel, type ResourceQuery } from "./selection.ts";
import type { Matcher, MetricsSource } from "./source.ts";

export interface EdgeAnswer {
  readonly src: string;
  readonly srcNamespace: string;
  readonly dst: string;
  readonly dstNamespace: string;
  /** Identities as `account.namespace`, "" when there is none. */
  readonly clientId: string;
  readonly serverId: string;
  /** "" with mutual TLS. */
  readonly noTlsReason: string;
  readonly rps: number | null;
  readonly success: number | null;
}

/** Tap and metrics of proxies: whoever reads these looks at a workload, it does not call it. */
const proxyPorts = ["4190", "4191"];

export async function edges(
  { resource, window }: ResourceQuery,
  pods: Iterable<StatPod>,
  source: MetricsSource,
): Promise<EdgeAnswer[]> {
  const { kind, name, namespace } = resource;
  const own = ownLabel(kind);
  const other = kind === "namespace" ? "dst_namespace" : `dst_${kind}`;
  const by = ["namespace", own, "dst_namespace", other, "tls", "server_id", "no_tls_reason"];
  const where: Matcher[] = [
    direction("outbound"),
    { label: own, op: "!=", value: "" },
    { label: other, op: "!=", value: "" },
    ...proxyPorts.map((value): Matcher => ({ label: "target_port", op: "!=", value })),
  ];
  const peer: Matcher = { label: "peer", op: "=", value: "dst" };
  const [open, read, requests] = await Promise.all([
    source.sum({ metric: "tcp_open_connections", of: "latest", where: [...where, peer], by, window }),
    source.sum({ metric: "tcp_read_bytes_total", of: "rate", where: [...where, peer], by, window }),
    goldenBy(source, { ...classified(""), where, by, window }),
  ]);
  const golden = new Map(requests.map((group) => [groupKey(group.labels, by), group]));
  const accounts = accountsOf(pods, kind);
  const rows = new Map<string, EdgeAnswer>();
  for (const { labels, value } of [...open, ...read, ...requests.map(({ labels }) => ({ labels, value: 1 }))]) {
    const key = groupKey(labels, by);
    if (!(value > 0) || rows.has(key)) continue;
    const [srcNamespace = "", src = "", dstNamespace = "", dst = "", tls = "", serverId = "", reason = ""] = by.map(
      (label) => labels[label] ?? "",
    );
    const here = namespace === null || namespace === srcNamespace || namespace === dstNamespace;
    if (!here || (name !== null && name !== src && name !== dst)) continue;
    const secured = tls === "true";
    const { rps = null, success = null } = golden.get(key) ?? {};
    rows.set(key, {
      src,
      srcNamespace,
      dst,
      dstNamespace,
      clientId: secured ? (accounts.get(`${srcNamespace}/${src}`) ?? "") : "",
      serverId: shortIdentity(serverId),
      noTlsReason: secured ? "" : reason || tls || "unknown",
      rps,
      success,
    });
  }
  return [...rows.values()].toSorted((a, b) =>
    compareTexts([a.srcNamespace, a.src, a.dstNamespace, a.dst], [b.srcNamespace, b.src, b.dstNamespace, b.dst]),
  );
}

/** `web.emojivoto` of `web.emojivoto.serviceaccount.identity.linkerd.cluster.local`. */
export function shortIdentity(identity: string): string {
  return identity.split(".serviceaccount.")[0] ?? identity;
}

/** What identity each client proves: that of the account that its pods run as. */
function accountsOf(pods: Iterable<StatPod>, kind: ResourceQuery["resource"]["kind"]): Map<string, string> {
  const found = new Map<string, string>();
  for (const pod of pods) {
    const name = kind === "pod" ? pod.name : kind === "namespace" ? pod.namespace : pod.owners.get(kind);
    if (name === undefined || pod.serviceAccount === undefined) continue;
    found.set(`${pod.namespace}/${name}`, `${pod.serviceAccount}.${pod.namespace}`);
  }
  return found;
}
