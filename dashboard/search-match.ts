/** Which workloads a few typed letters mean. Pure. */
import type { WorkloadRef } from "#viz/web/view.ts";

export type Found =
  | { readonly what: "namespace"; readonly namespace: string }
  | { readonly what: "workload"; readonly workload: WorkloadRef };

/** Every word must stand somewhere in "namespace/name kind"; names that begin with the first word come first. */
export function search(typed: string, workloads: readonly WorkloadRef[], limit: number): Found[] {
  const words = typed
    .toLowerCase()
    .split(/[\s/]+/)
    .filter((word) => word !== "");
  const matches = (text: string): boolean => words.every((word) => text.toLowerCase().includes(word));
  const namespaces = [...new Set(workloads.map(({ namespace }) => namespace))].filter(matches);
  const begins = (ref: WorkloadRef): boolean => words[0] !== undefined && ref.name.toLowerCase().startsWith(words[0]);
  const found = workloads.filter(({ namespace, name, kind }) => matches(`${namespace}/${name} ${kind}`));
  const ordered = [...found.filter(begins), ...found.filter((ref) => !begins(ref))];
  return [
    ...namespaces.map((namespace): Found => ({ what: "namespace", namespace })),
    ...ordered.map((workload): Found => ({ what: "workload", workload })),
  ].slice(0, limit);
}
