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
  egressNetwork: { group: "policy.linkerd.io", kind: "EgressNetwork" },
  policyHttpRoute: { group: "policy.linkerd.io", kind: "HTTPRoute" },
  httpRoute: { group: "gateway.networking.k8s.io", kind: "HTTPRoute" },
  grpcRoute: { group: "gateway.networking.k8s.io", kind: "GRPCRoute" },
  service: { group: "", kind: "Service" },
  serviceAccount: { group: "", kind: "ServiceAccount" },
  namespace: { group: "", kind: "Namespace" },
} as const satisfies Record<string, Kind>;

/** What a reference names; `fallback` holds where it leaves group or kind out. Case does not count; "core" is the core group. */
export function kindOf(reference: Field, fallback: Kind = { group: "", kind: "" }): Kind {
  const group = reference.at("group").text() ?? fallback.group;
  const kind = reference.at("kind").text() ?? fallback.kind;
  return { group: group.toLowerCase() === "core" ? "" : group.toLowerCase(), kind };
}

export function isKind(given: Kind, wanted: Kind): boolean {
  return given.group === wanted.group && given.kind.toLowerCase() === wanted.kind.toLowerCase();
}

/** For messages: "Deployment of group apps". */
export function kindName({ group, kind }: Kind): string {
  return group === "" ? `"${kind}"` : `"${kind}" of group "${group}"`;
}
