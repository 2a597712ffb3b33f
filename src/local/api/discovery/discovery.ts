/** /api and /apis in both forms: one document a group version, and the aggregated one (KEP-3352). */
import type { Catalog } from "../catalog.ts";
import type { Entry } from "./entries.ts";
import { discoveryEntries, groupsOf } from "./entries.ts";

const join = (group: string, version: string): string => (group === "" ? version : `${group}/${version}`);

function resourceList(entries: readonly Entry[], group: string, version: string): unknown {
  const resources = entries
    .filter((entry) => entry.group === group && entry.version === version)
    .flatMap((entry) => [
      {
        name: entry.resource,
        singularName: entry.singular,
        namespaced: entry.namespaced,
        kind: entry.kind,
        verbs: entry.verbs,
        ...(entry.shortNames.length > 0 ? { shortNames: entry.shortNames } : {}),
        ...(entry.categories.length > 0 ? { categories: entry.categories } : {}),
      },
      ...entry.subresources.map((sub) => ({
        name: `${entry.resource}/${sub.name}`,
        singularName: "",
        namespaced: entry.namespaced,
        ...(sub.group === group ? {} : { group: sub.group, version: sub.version }),
        kind: sub.kind,
        verbs: sub.verbs,
      })),
    ]);
  if (resources.length === 0) return null;
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion: join(group, version), resources };
}

function groupDocument(name: string, versions: readonly string[]): Record<string, unknown> {
  const list = versions.map((version) => ({ groupVersion: join(name, version), version }));
  return { name, versions: list, preferredVersion: list[0] };
}

function aggregated(entries: readonly Entry[], core: boolean): unknown {
  const items = [...groupsOf(entries)]
    .filter(([group]) => (group === "") === core)
    .map(([group, versions]) => ({
      metadata: { name: group, creationTimestamp: null },
      versions: versions.map((version) => ({
        version,
        freshness: "Current",
        resources: entries
          .filter((entry) => entry.group === group && entry.version === version)
          .map((entry) => ({
            resource: entry.resource,
            responseKind: { group, version, kind: entry.kind },
            scope: entry.namespaced ? "Namespaced" : "Cluster",
            singularResource: entry.singular,
            verbs: entry.verbs,
            shortNames: entry.shortNames,
            categories: entry.categories,
            subresources: entry.subresources.map((sub) => ({
              subresource: sub.name,
              responseKind: { group: sub.group, version: sub.version, kind: sub.kind },
              verbs: sub.verbs,
            })),
          })),
      })),
    }));
  return { kind: "APIGroupDiscoveryList", apiVersion: "apidiscovery.k8s.io/v2", metadata: {}, items };
}

/** The document at a discovery path, or null when the path isn't one. */
export function discoveryDocument(catalog: Catalog, path: string, form: "object" | "discovery"): unknown {
  const entries = discoveryEntries(catalog);
  const parts = path.split("/").filter((part) => part !== "");
  const [root, first, second, ...rest] = parts;
  if (rest.length > 0) return null;
  if (root === "api") {
    if (first === undefined) {
      if (form === "discovery") return aggregated(entries, true);
      return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] };
    }
    return second === undefined ? resourceList(entries, "", first) : null;
  }
  if (root !== "apis") return null;
  const groups = groupsOf(entries);
  groups.delete("");
  if (first === undefined) {
    if (form === "discovery") return aggregated(entries, false);
    return {
      kind: "APIGroupList",
      apiVersion: "v1",
      groups: [...groups].map(([name, versions]) => groupDocument(name, versions)),
    };
  }
  const versions = groups.get(first);
  if (versions === undefined) return null;
  if (second !== undefined) return resourceList(entries, first, second);
  return { kind: "APIGroup", apiVersion: "v1", ...groupDocument(first, versions) };
}
