/** What a set of workloads comes to together. Pure. */
import type { WorkloadRow } from "#viz/web/view.ts";

export interface Summary {
  readonly success: number | null;
  readonly rps: number | null;
  readonly meshed: number;
  readonly pods: number;
}

export function summarize(rows: readonly WorkloadRow[]): Summary {
  let rps = 0;
  let succeeded = 0;
  let meshed = 0;
  let pods = 0;
  for (const row of rows) {
    rps += row.rps ?? 0;
    succeeded += (row.rps ?? 0) * (row.success ?? 0);
    meshed += row.meshed;
    pods += row.pods;
  }
  return { success: rps > 0 ? succeeded / rps : null, rps: rps > 0 ? rps : null, meshed, pods };
}

export interface NamespaceGroup {
  readonly namespace: string;
  readonly rows: readonly WorkloadRow[];
}

/** By namespace: meshed ones first, then the control plane and extensions, then namespaces without a proxy. */
export function byNamespace(rows: readonly WorkloadRow[]): NamespaceGroup[] {
  const groups = new Map<string, WorkloadRow[]>();
  for (const row of rows) {
    const known = groups.get(row.namespace);
    if (known === undefined) groups.set(row.namespace, [row]);
    else known.push(row);
  }
  const rank = ({ namespace, rows: own }: NamespaceGroup): number =>
    own.every(({ meshed }) => meshed === 0) ? 2 : namespace === "linkerd" || namespace.startsWith("linkerd-") ? 1 : 0;
  return [...groups]
    .map(([namespace, own]) => ({ namespace, rows: own }))
    .toSorted((a, b) => rank(a) - rank(b) || (a.namespace < b.namespace ? -1 : 1));
}
