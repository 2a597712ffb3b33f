/** Which authorizations concern some pods: through the Servers that select them, or routes of those. Pure. */
import { matchesLabels, parseLabelSelector } from "#model/label-selector.ts";
import type { Pod } from "#kube/types/core.ts";
import type { LabelSelector } from "#kube/types/meta.ts";
import { selectorText } from "./pods-of.ts";
import type { AuthorizationPolicy, HttpRoute, Server, ServerAuthorization, TargetRef } from "./policy-resources.ts";

/** One line of `linkerd authz`; empty text where a column does not apply. */
export interface Authorization {
  readonly route: string;
  readonly server: string;
  readonly authorizationPolicy: string;
  readonly serverAuthorization: string;
}

/** Everything of one namespace. */
export interface PolicyObjects {
  readonly servers: readonly Server[];
  readonly serverAuthorizations: readonly ServerAuthorization[];
  readonly policies: readonly AuthorizationPolicy[];
  readonly routes: readonly HttpRoute[];
}

const policyGroup = "policy.linkerd.io";

export function authorizationsFor(pods: readonly Pod[], objects: PolicyObjects): Authorization[] {
  const servers = objects.servers.filter(
    ({ spec }) => spec.podSelector !== undefined && pods.some((pod) => selects(spec.podSelector, pod.metadata.labels)),
  );
  const row = (part: Partial<Authorization>): Authorization => ({
    route: "",
    server: "",
    authorizationPolicy: "",
    serverAuthorization: "",
    ...part,
  });
  const rows: Authorization[] = [];
  for (const { metadata, spec } of objects.serverAuthorizations) {
    const { name, selector } = spec.server ?? {};
    for (const server of servers) {
      const meant =
        name === undefined
          ? selector !== undefined && selects(selector, server.metadata.labels)
          : name === server.metadata.name;
      if (meant) rows.push(row({ server: server.metadata.name, serverAuthorization: metadata.name }));
    }
  }
  for (const { metadata, spec } of objects.policies) {
    for (const { server, route } of targets(spec.targetRef, servers, objects.routes)) {
      rows.push(row({ server, route, authorizationPolicy: metadata.name }));
    }
  }
  return rows;
}

/** The Servers that a policy reaches, by itself, by a route or by being about the whole namespace. */
function targets(
  ref: TargetRef,
  servers: readonly Server[],
  routes: readonly HttpRoute[],
): Array<{ readonly server: string; readonly route: string }> {
  const names = servers.map(({ metadata }) => metadata.name);
  const group = ref.group ?? policyGroup;
  if (ref.kind === "Namespace") return names.map((server) => ({ server, route: "" }));
  if (ref.kind === "Server" && group === policyGroup) {
    return names.includes(ref.name) ? [{ server: ref.name, route: "" }] : [];
  }
  if (ref.kind !== "HTTPRoute" && ref.kind !== "GRPCRoute") return [];
  const route = routes.find(({ metadata, kind }) => metadata.name === ref.name && kind === ref.kind);
  return (route?.spec.parentRefs ?? [])
    .filter((parent) => parent.kind === "Server" && (parent.group ?? policyGroup) === policyGroup)
    .filter((parent) => names.includes(parent.name))
    .map((parent) => ({ server: parent.name, route: ref.name }));
}

function selects(selector: LabelSelector | undefined, labels: Readonly<Record<string, string>> = {}): boolean {
  return selector !== undefined && matchesLabels(parseLabelSelector(selectorText(selector)), labels);
}
