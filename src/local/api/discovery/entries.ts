/** One flat list of everything that discovery shows, from which both of its forms are made. */
import type { Catalog } from "../catalog.ts";
import { reviewResources } from "./reviews.ts";

export interface SubEntry {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

export interface Entry {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly subresources: readonly SubEntry[];
}

const partVerbs = ["get", "patch", "update"];

function subEntry(group: string, version: string, kind: string, name: string, verbs: readonly string[]): SubEntry {
  switch (kind) {
    case "Scale":
      return { name, group: "autoscaling", version: "v1", kind, verbs };
    case "TokenRequest":
      return { name, group: "authentication.k8s.io", version: "v1", kind, verbs };
    case "Eviction":
      return { name, group: "policy", version: "v1", kind, verbs };
    default:
      return { name, group, version, kind, verbs };
  }
}

export function discoveryEntries(catalog: Catalog): Entry[] {
  const entries: Entry[] = catalog.all().map((info) => {
    const subs: SubEntry[] = [];
    if (info.status) subs.push(subEntry(info.group, info.version, info.kind, "status", partVerbs));
    if (info.scale !== null) subs.push(subEntry(info.group, info.version, "Scale", "scale", partVerbs));
    for (const [name, kind, verbs] of info.extras) subs.push(subEntry(info.group, info.version, kind, name, verbs));
    return { ...info, subresources: subs };
  });
  const plain = { shortNames: [], categories: [], subresources: [] };
  for (const review of reviewResources) {
    entries.push({ ...review, ...plain, singular: review.kind.toLowerCase(), verbs: ["create"] });
  }
  // Refused kinds are listed without verbs, so that a manifest reaches the server and its author reads why.
  for (const refused of catalog.refused()) {
    entries.push({ ...refused, ...plain, singular: refused.kind.toLowerCase(), verbs: [] });
  }
  return entries;
}

/** Newer and more stable first: v2, v1, v1beta2, v1beta1, v1alpha1 (Kubernetes "Version priority"). */
export function compareVersions(a: string, b: string): number {
  return rank(b) - rank(a) || (a < b ? -1 : 1);
}

function rank(version: string): number {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (match === null) return -1;
  const stage = match[2] === undefined ? 2 : match[2] === "beta" ? 1 : 0;
  return stage * 1e6 + Number(match[1]) * 1e3 + Number(match[3] ?? 0);
}

/** Group → its versions, best first, the groups in the order in which they were added. */
export function groupsOf(entries: readonly Entry[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const entry of entries) {
    const versions = groups.get(entry.group) ?? [];
    if (!versions.includes(entry.version)) versions.push(entry.version);
    groups.set(entry.group, versions);
  }
  for (const versions of groups.values()) versions.sort(compareVersions);
  return groups;
}
