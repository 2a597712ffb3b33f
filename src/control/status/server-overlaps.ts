/** Servers that select the same port of the same pod: the oldest counts there, and the others should not be without a word. */
import { matchesLabels } from "#model/label-selector.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import { untracked } from "../index/derivations.ts";
import type { ServerRecord } from "../index/policy/server.ts";
import type { Workload } from "../index/workload.ts";

export interface ServerOverlap {
  /** Does not count for the port. */
  readonly younger: ServerRecord;
  readonly older: ServerRecord;
  readonly port: number | string;
  /** One of the pods. */
  readonly pod: string;
  readonly pods: number;
}

/** Told at most; there is no end to what selectors can say. */
const limit = 100;

/** One for each two Servers. */
export function serverOverlaps(index: ClusterIndex): ServerOverlap[] {
  const found = new Map<string, { -readonly [K in keyof ServerOverlap]: ServerOverlap[K] }>();
  const candidates = new Map<string, ReadonlyArray<readonly [older: ServerRecord, younger: ServerRecord]>>();
  for (const pod of index.pods.values()) {
    if (pod.terminating) continue;
    let pairs = candidates.get(pod.namespace);
    if (pairs === undefined) candidates.set(pod.namespace, (pairs = pairsIn(index, pod.namespace)));
    for (const [older, younger] of pairs) {
      if (!selects(older, pod) || !selects(younger, pod) || !samePort(older, younger, pod)) continue;
      const key = `${pod.namespace}/${older.name}/${younger.name}`;
      const known = found.get(key);
      if (known !== undefined) known.pods++;
      else if (found.size < limit) found.set(key, { older, younger, port: younger.port, pod: pod.name, pods: 1 });
    }
  }
  return [...found.values()];
}

/** Those that can meet: named ports can be any number, other than that the numbers tell. */
function pairsIn(index: ClusterIndex, namespace: string): Array<readonly [ServerRecord, ServerRecord]> {
  const servers = index.policy.serversIn(namespace, untracked).filter(({ selects: what }) => what === "pods");
  return servers.flatMap((older, at) =>
    servers.slice(at + 1).flatMap((younger) => (canMeet(older.port, younger.port) ? [[older, younger] as const] : [])),
  );
}

function canMeet(a: number | string, b: number | string): boolean {
  return a === b || typeof a !== typeof b || (typeof a === "string" && typeof b === "string");
}

function selects(server: ServerRecord, pod: Workload): boolean {
  return matchesLabels(server.selector, pod.labels);
}

function samePort(a: ServerRecord, b: ServerRecord, pod: Workload): boolean {
  const theirs = portsOf(b, pod);
  return portsOf(a, pod).some((port) => theirs.includes(port));
}

function portsOf({ port }: ServerRecord, pod: Workload): number[] {
  if (typeof port === "number") return [port];
  const first = pod.namedPorts[port];
  const more = pod.moreNamedPorts.filter(({ name }) => name === port).map((named) => named.port);
  return first === undefined ? more : [first, ...more];
}

export function overlapMessage({ older, younger, port, pod, pods }: ServerOverlap): string {
  const others = pods === 1 ? "" : ` and ${pods - 1} other${pods === 2 ? "" : "s"}`;
  return `Server "${older.name}" is older and selects port ${port} of pod "${pod}"${others} as well: there it counts, and "${younger.name}" does not`;
}
