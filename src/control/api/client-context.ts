/** What a proxy says about itself with every request: it was given these texts by the injector. */
import type { ClusterIndex } from "../index/cluster-index.ts";
import { untracked } from "../index/derivations.ts";

/** "" where it said nothing. */
export interface ClientContext {
  readonly namespace: string;
  readonly pod: string;
  readonly node: string;
  /** In place of a pod, for proxies outside of the cluster. */
  readonly externalWorkload?: string;
}

/**
 * Reads `{"ns":"web","nodeName":"node-a","pod":"web-1"}` or the older "ns:web"; for policies also "web:web-1"; machines outside of the
 * cluster say `{"ns":"web","external_workload":"vm-1"}`. What can't be
 * read counts as nothing said: a client then gets the answer that fits anybody.
 */
export function parseClientContext(token: string): ClientContext {
  const nobody = { namespace: "", pod: "", node: "" };
  const text = token.trim();
  if (!text.startsWith("{")) {
    const [first = "", second = ""] = text.split(":");
    if (second === "") return nobody;
    return first === "ns" ? { ...nobody, namespace: second } : { ...nobody, namespace: first, pod: second };
  }
  try {
    const value = JSON.parse(text) as {
      ns?: unknown;
      nodeName?: unknown;
      pod?: unknown;
      external_workload?: unknown;
    };
    const read = (field: unknown): string => (typeof field === "string" ? field : "");
    const externalWorkload = read(value.external_workload);
    const base = { namespace: read(value.ns), pod: read(value.pod), node: read(value.nodeName) };
    return externalWorkload === "" ? base : { ...base, externalWorkload };
  } catch {
    // A token that is cut or made by hand must not cost the client its endpoints.
    return nobody;
  }
}

/** Where the client runs, as far as is known. Nodes don't change zones, so it is read once a stream. */
export function clientPlace(
  index: ClusterIndex,
  client: ClientContext,
): { readonly node: string; readonly zone: string } {
  const node = client.node === "" ? (index.pods.get(client.namespace, client.pod)?.node ?? "") : client.node;
  return { node, zone: index.zoneOfNode(node, untracked) };
}
