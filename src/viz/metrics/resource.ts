/** The resources that statistics can be asked for, and how their names stand in metric labels. */
import { MeshError } from "#lib/errors.ts";

/** Canonical kinds, singular and lower-case. */
export const resourceKinds = [
  "namespace",
  "deployment",
  "replicaset",
  "replicationcontroller",
  "daemonset",
  "statefulset",
  "job",
  "cronjob",
  "pod",
  "service",
  "authority",
  "server",
  "serverauthorization",
  "authorizationpolicy",
  "httproute",
  "grpcroute",
] as const;
export type ResourceKind = (typeof resourceKinds)[number];

export type PolicyKind = "server" | "serverauthorization" | "authorizationpolicy" | "httproute" | "grpcroute";

/** Is it a resource that says who may talk to whom, rather than one that talks? */
export function isPolicyKind(kind: ResourceKind): kind is PolicyKind {
  switch (kind) {
    case "server":
    case "serverauthorization":
    case "authorizationpolicy":
    case "httproute":
    case "grpcroute":
      return true;
    default:
      return false;
  }
}

/** One resource, or all of a kind (name null), in one namespace or in all (namespace null). */
export interface ResourceRef {
  readonly kind: ResourceKind;
  readonly namespace: string | null;
  readonly name: string | null;
}

const aliases: Readonly<Record<string, ResourceKind>> = {
  ns: "namespace",
  deploy: "deployment",
  rs: "replicaset",
  rc: "replicationcontroller",
  ds: "daemonset",
  sts: "statefulset",
  cj: "cronjob",
  po: "pod",
  svc: "service",
  au: "authority",
  srv: "server",
  saz: "serverauthorization",
  authzpolicy: "authorizationpolicy",
};

/** The kind for a name as users type it: short, singular or plural, any case; null if it is none of ours. */
export function resourceKind(typed: string): ResourceKind | null {
  const word = typed.toLowerCase();
  if (word in aliases) return aliases[word] ?? null;
  const singular = word.endsWith("ies") ? `${word.slice(0, -3)}y` : word.replace(/s$/, "");
  return resourceKinds.find((kind) => kind === word || kind === singular) ?? aliases[singular] ?? null;
}

/**
 * Reads `deploy/web`, `deploy web` or `deploy`, kubectl's ways of naming resources.
 * A namespace resource lies in no namespace of its own.
 */
export function parseResource(words: readonly string[], namespace: string | null): ResourceRef {
  const [first = "", second, ...rest] = words;
  const slash = first.indexOf("/");
  const kindWord = slash < 0 ? first : first.slice(0, slash);
  const name = slash < 0 ? second : first.slice(slash + 1);
  const tooMany = slash < 0 ? rest.length > 0 : second !== undefined;
  const kind = resourceKind(kindWord);
  if (kind === null) {
    throw new MeshError(
      "invalid-argument",
      `Unknown resource type "${kindWord}"; use one of ${resourceKinds.join(", ")}`,
    );
  }
  if (tooMany) throw new MeshError("invalid-argument", `Name one resource at a time, not "${words.join(" ")}"`);
  if (name === "") throw new MeshError("invalid-argument", `The resource "${first}" has no name after the slash`);
  return { kind, namespace: kind === "namespace" ? null : namespace, name: name ?? null };
}
