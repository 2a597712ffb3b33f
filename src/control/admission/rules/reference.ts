/** References to other objects: `{group, kind, name, namespace}`. */
import type { Field } from "../field.ts";

export interface Kind {
  /** "" for the core group. */
  readonly group: string;
  readonly kind: string;
}

export const kinds = {
  server: { group: "policy.linkerd.io", kind: "Server" },
  meshTlsAuthentication: { group: "policy.linkerd.io", kind: "MeshTLSAuthentication" },
  networkAuthentication: { group: "policy.linkerd.io", kind: "NetworkAuthentication" },
  jwtAuthentication: { group: "policy.linkerd-ts.dev", kind: "JWTAuthentication" },
  egressNetwork: { group: "policy.linkerd.io", kind: "EgressNetwork" },
  policyHttpRoute: { group: "policy.linkerd.io", kind: "HTTPRoute" },
  httpRoute: { group: "gateway.networking.k8s.io", kind: "HTTPRoute" },
  grpcRoute: { group: "gateway.networking.k8s.io", kind: "GRPCRoute" },
  service: { group: "", kind: "Service" },
  serviceAccount: { group: "", kind: "ServiceAccount" },
  namespace: { group: "", kind: "Namespace" },
} as const satisfies Record<string, Kind>;

/** Groups of kinds that people name without one. */
const usualGroups: Readonly<Record<string, string>> = {
  grpcroute: "gateway.networking.k8s.io",
  jwtauthentication: "policy.linkerd-ts.dev",
  ...Object.fromEntries(
    ["Server", "HTTPRoute", "MeshTLSAuthentication", "NetworkAuthentication", "EgressNetwork"].map((kind) => [
      kind.toLowerCase(),
      "policy.linkerd.io",
    ]),
  ),
};

/**
 * The group of a reference. "core" is the core group; where none is written, policy resources are of policy.linkerd.io and
 * everything else of the core group.
 */
export function groupOf(group: string | null | undefined, kind: string): string {
  if (group === null || group === undefined) return usualGroups[kind.toLowerCase()] ?? "";
  return group.toLowerCase() === "core" ? "" : group.toLowerCase();
}

/** What a reference names; `fallback` holds where it leaves group or kind out. Case does not count. */
export function kindOf(reference: Field, fallback?: Kind): Kind {
  const kind = reference.at("kind").text() ?? fallback?.kind ?? "";
  const group = reference.at("group").text() ?? fallback?.group;
  return { group: groupOf(group, kind), kind };
}

export function isKind(given: Kind, wanted: Kind): boolean {
  return given.group === wanted.group && given.kind.toLowerCase() === wanted.kind.toLowerCase();
}

/** For messages: "Deployment of group apps". */
export function kindName({ group, kind }: Kind): string {
  return group === "" ? `"${kind}"` : `"${kind}" of group "${group}"`;
}
