/** What the control plane tells proxies about one request, and why other resources have no say in it. Pure. */
import { matchesLabels } from "#model/label-selector.ts";
import type { DestinationProfile } from "#rpc/gen/destination_pb.ts";
import type { Server } from "#rpc/gen/inbound_pb.ts";
import type { OutboundPolicy } from "#rpc/gen/outbound_pb.ts";
import { serverMessage } from "../api/inbound-message.ts";
import { outboundMessage } from "../api/outbound-message.ts";
import { profileMessage } from "../api/profile-message.ts";
import { type Authority, parseAuthority } from "../destination/authority.ts";
import { computeEndpoints } from "../destination/endpoint-set.ts";
import { describeEndpoint, type Endpoint } from "../destination/endpoint.ts";
import { computeProfile } from "../destination/profile.ts";
import { untracked } from "../index/derivations.ts";
import { byAge } from "../index/policy/policy-record.ts";
import type { RouteRecord } from "../index/policy/route.ts";
import { isPortMeant, serverOfPort } from "../index/policy/server-of-port.ts";
import { inboundPolicy } from "../policy/inbound.ts";
import { outboundPolicy } from "../policy/outbound.ts";
import { denyEffect } from "../status/extension-status.ts";
import type { PortOwner } from "../index/workload.ts";
import type { World } from "./world.ts";

/** Something that does not count, and why. */
export interface Remark {
  readonly name: string;
  readonly why: string;
}

export interface ClientFacts {
  readonly ip: string;
  /** Null: not meshed, or by another mesh. */
  readonly identity: string | null;
  readonly serviceAccount: string;
}

/** Undefined when there is no such pod. */
export function clientOf({ index, destination }: World, namespace: string, name: string): ClientFacts | undefined {
  const pod = index.pod(namespace, name, untracked);
  if (pod === undefined) return undefined;
  const place = { ip: pod.ips[0] ?? "", port: 1, hostname: null, node: null, zone: null, forZones: [] };
  const { identity } = describeEndpoint(index, destination, place, pod, untracked);
  return { ip: pod.ips[0] ?? "", identity, serviceAccount: pod.serviceAccount };
}

export interface OutboundFacts {
  readonly target: Authority;
  /** What the target is, for people. */
  readonly parent: string;
  /** Null: nothing is known of it. */
  readonly policy: OutboundPolicy | null;
  readonly profile: DestinationProfile;
  readonly others: readonly Remark[];
  /** FaultInjections with mistakes, which inject nothing. */
  readonly mistakes: readonly Remark[];
}

/** `path`: "host:port" or "ip:port". Throws "invalid-argument" for one that is none. */
export function outboundOf({ index, outbound, destination }: World, path: string, namespace: string): OutboundFacts {
  const target = parseAuthority(path, outbound.clusterDomain);
  const policy = outboundPolicy(index, outbound, target, namespace, untracked);
  const profile = computeProfile(index, destination, target, namespace, untracked);
  const parent = "name" in policy ? { ...policy, namespace: policy.namespace, name: policy.name } : null;
  const kind = policy.kind === "egress" ? "egressnetwork" : "service";
  return {
    target,
    parent:
      parent === null
        ? policy.kind
        : `${kind === "service" ? "Service" : "EgressNetwork"} "${parent.name}" in namespace "${parent.namespace}"`,
    policy: outboundMessage(policy, ""),
    profile: profileMessage(profile, ""),
    others: parent === null ? [] : otherRoutes(index, kind, parent, target.port, namespace),
    mistakes: parent === null ? [] : brokenFaults(index, kind, parent, namespace),
  };
}

/** Those for the parent, and those for routes, which are few, of its namespace and the client's. */
function brokenFaults(
  { policy }: World["index"],
  kind: string,
  parent: { readonly namespace: string; readonly name: string },
  clientNamespace: string,
): Remark[] {
  return [...policy.faultInjections.values()].flatMap(({ namespace, name, target, invalid }): Remark[] => {
    if (invalid === null || (namespace !== parent.namespace && namespace !== clientNamespace)) return [];
    const about = target?.kind === kind ? target.name === parent.name && namespace === parent.namespace : true;
    const where = `FaultInjection "${name}" in namespace "${namespace}"`;
    return about ? [{ name: where, why: `it is not valid: ${invalid}; nothing is injected` }] : [];
  });
}

function otherRoutes(
  { policy }: World["index"],
  kind: string,
  parent: { readonly namespace: string; readonly name: string },
  port: number,
  clientNamespace: string,
): Remark[] {
  const all: RouteRecord[] = [
    ...policy.policyHttpRoutes.values(),
    ...policy.httpRoutes.values(),
    ...policy.grpcRoutes.values(),
    ...policy.tlsRoutes.values(),
    ...policy.tcpRoutes.values(),
  ];
  const naming = all
    .map((route) => ({
      route,
      refs: route.parents.filter(
        (ref) => ref.kind === kind && ref.name === parent.name && ref.namespace === parent.namespace,
      ),
    }))
    .filter(({ refs }) => refs.length > 0)
    .toSorted((a, b) => byAge(a.route, b.route));
  const consumers = naming.some(
    ({ route, refs }) =>
      route.invalid === null &&
      route.namespace === clientNamespace &&
      clientNamespace !== parent.namespace &&
      refs.some((ref) => ref.port === null || ref.port === port),
  );
  return naming.flatMap(({ route, refs }): Remark[] => {
    const name = `${route.kind} "${route.name}" in namespace "${route.namespace}"`;
    if (route.invalid !== null) return [{ name, why: `it is not valid: ${route.invalid}` }];
    const ports = refs.map((ref) => ref.port);
    if (!ports.some((own) => own === null || own === port)) {
      return [{ name, why: `it is about port ${ports.join(", ")}` }];
    }
    if (consumers && route.namespace !== clientNamespace) {
      return [{ name, why: `routes of the client's namespace "${clientNamespace}" come first` }];
    }
    if (route.namespace !== parent.namespace && route.namespace !== clientNamespace) {
      return [{ name, why: `it is for clients of namespace "${route.namespace}" only` }];
    }
    return [];
  });
}

/** The endpoints of "host:port"; none where it is no Service. */
export function endpointsOf({ index, destination, outbound }: World, path: string): readonly Endpoint[] {
  const target = parseAuthority(path, outbound.clusterDomain);
  if (target.kind !== "service") return [];
  return [...computeEndpoints(index, destination, target, untracked, null).endpoints.values()];
}

export interface InboundFacts {
  readonly message: Server;
  readonly server: string | null;
  readonly otherServers: readonly Remark[];
  readonly otherAuthorizations: readonly Remark[];
  /** Policies with mistakes that count here in a way that nobody wrote. */
  readonly mistakes: readonly Remark[];
}

/** Null when nothing is known of who answers there, or it has no proxy. */
export function inboundOf(world: World, { pod: of, external, port }: Endpoint): InboundFacts | null {
  const { index } = world;
  if (of !== null) {
    const pod = index.pod(of.namespace, of.name, untracked);
    return pod === undefined || pod.proxy === null ? null : ofOwner(world, pod, port);
  }
  const machine = external && index.externalWorkload(external.namespace, external.name, untracked);
  return machine === undefined ? null : ofOwner(world, machine, port);
}

function ofOwner({ index, inbound }: World, pod: PortOwner, port: number): InboundFacts {
  const chosen = serverOfPort(index, pod, port, untracked);
  const policy = inboundPolicy(index, inbound, pod, port, untracked);
  const otherServers = index.policy.serversIn(pod.namespace, untracked).flatMap((server): Remark[] => {
    if (server === chosen) return [];
    const name = `Server "${server.name}"`;
    if (server.selects !== (pod.external === undefined ? "pods" : "external-workloads")) {
      return [{ name, why: `it is for ${server.selects === "pods" ? "pods" : "ExternalWorkloads"}` }];
    }
    if (!matchesLabels(server.selector, pod.labels)) return [{ name, why: `it does not select "${pod.name}"` }];
    if (!isPortMeant(server.port, pod, port)) return [{ name, why: `it is about port ${server.port}` }];
    return [{ name, why: `Server "${chosen?.name ?? ""}" is older` }];
  });
  const { protocol } = policy;
  const routes = "routes" in protocol ? protocol.routes : [];
  const counting = new Set(
    [...policy.authorizations, ...routes.flatMap(({ authorizations }) => authorizations)].map(
      ({ origin }) => `${origin.kind}/${origin.name}`,
    ),
  );
  const otherAuthorizations = [
    ...index.policy.authorizationPoliciesIn(pod.namespace, untracked).flatMap((record): Remark[] => {
      if (counting.has(`authorizationpolicy/${record.name}`)) return [];
      const { kind, name } = record.target;
      const about =
        kind === "namespace" ||
        (kind === "server" && name === chosen?.name) ||
        routes.some((r) => r.origin.name === name);
      const why = !about
        ? `its target is ${kind} "${name}"`
        : chosen === null
          ? "no Server selects this port, so that the default policy counts"
          : `it names an authentication that is not there: ${record.authentications.map((a) => `${a.kind} "${a.name}"`).join(", ")}`;
      return [{ name: `AuthorizationPolicy "${record.name}"`, why }];
    }),
    ...index.policy
      .serverAuthorizationsIn(pod.namespace, untracked)
      .flatMap((record): Remark[] =>
        counting.has(`serverauthorization/${record.name}`)
          ? []
          : [{ name: `ServerAuthorization "${record.name}"`, why: "it is for other Servers" }],
      ),
  ];
  return {
    message: serverMessage(policy),
    server: chosen?.name ?? null,
    otherServers,
    otherAuthorizations,
    mistakes: mistakesAt(index, pod.namespace, chosen?.name ?? null),
  };
}

function mistakesAt({ policy }: World["index"], namespace: string, server: string | null): readonly Remark[] {
  const denials = policy.denyPoliciesIn(namespace, untracked).flatMap((record): Remark[] => {
    if (record.invalid === null || (record.server !== null && record.server !== server)) return [];
    const why = `it is not valid: ${record.invalid}; until that is mended ${denyEffect(record)}`;
    return [{ name: `DenyPolicy "${record.name}"`, why }];
  });
  if (server === null) return denials;
  const parent = { group: "policy.linkerd.io", kind: "server", namespace, name: server };
  const routes = [...policy.brokenHttpRoutesOf(parent, untracked), ...policy.brokenGrpcRoutesOf(parent, untracked)].map(
    ({ kind, name, invalid }): Remark => {
      const why = `it is not valid: ${invalid ?? ""}; until that is mended its requests are answered with 500`;
      return { name: `${kind} "${name}"`, why };
    },
  );
  return [...denials, ...routes];
}
