/**
 * The resources of policy, by what they are about. Most of them belong to one namespace and are few there, so that topics are
 * namespaces; what is referred to by name has a topic of its own.
 */
import { KeySets } from "../key-sets.ts";
import { ObjectIndex, objectKey } from "../object-index.ts";
import type { Track } from "../derivations.ts";
import type { AuthorizationPolicyRecord, ObjectRef } from "./authorization-policy.ts";
import type { DenyPolicyRecord } from "./deny-policy.ts";
import type { EgressNetworkRecord } from "./egress-network.ts";
import type { FaultInjectionRecord } from "./fault-injection.ts";
import type { JwtAuthenticationRecord } from "./jwt-authentication.ts";
import type { MeshTlsAuthenticationRecord } from "./mesh-tls-authentication.ts";
import type { MeshTlsRequirementRecord } from "./mesh-tls-requirement.ts";
import type { NetworkAuthenticationRecord } from "./network-authentication.ts";
import { byAge, type PolicyRecord } from "./policy-record.ts";
import type { RateLimitRecord } from "./rate-limit.ts";
import type { GrpcRouteRecord, HttpRouteRecord, RouteRecord, StreamRouteRecord } from "./route.ts";
import type { ServerAuthorizationRecord } from "./server-authorization.ts";
import type { ServerRecord } from "./server.ts";
import type { ServiceProfileRecord } from "./service-profile.ts";
import type { TrafficSplitRecord } from "./traffic-split.ts";

export class PolicyIndex {
  readonly servers: ObjectIndex<ServerRecord>;
  readonly serverAuthorizations: ObjectIndex<ServerAuthorizationRecord>;
  readonly authorizationPolicies: ObjectIndex<AuthorizationPolicyRecord>;
  readonly rateLimits: ObjectIndex<RateLimitRecord>;
  readonly meshTls: ObjectIndex<MeshTlsAuthenticationRecord>;
  readonly keySets: KeySets;
  readonly jwts: ObjectIndex<JwtAuthenticationRecord>;
  readonly networks: ObjectIndex<NetworkAuthenticationRecord>;
  /** Of policy.linkerd.io. */
  readonly policyHttpRoutes: ObjectIndex<HttpRouteRecord>;
  readonly httpRoutes: ObjectIndex<HttpRouteRecord>;
  readonly grpcRoutes: ObjectIndex<GrpcRouteRecord>;
  readonly tlsRoutes: ObjectIndex<StreamRouteRecord>;
  readonly tcpRoutes: ObjectIndex<StreamRouteRecord>;
  readonly egressNetworks: ObjectIndex<EgressNetworkRecord>;
  readonly denyPolicies: ObjectIndex<DenyPolicyRecord>;
  readonly meshTlsRequirements: ObjectIndex<MeshTlsRequirementRecord>;
  readonly faultInjections: ObjectIndex<FaultInjectionRecord>;
  readonly profiles: ObjectIndex<ServiceProfileRecord>;
  readonly splits: ObjectIndex<TrafficSplitRecord>;

  /** Sorted by age, until one of the topic's objects changes: endpoints of a big Service ask for the same list each. */
  private readonly sorted = new Map<string, readonly PolicyRecord[]>();

  constructor(announce: Touch) {
    const touch: Touch = (topic) => {
      this.sorted.delete(topic);
      announce(topic);
    };
    this.servers = inOneNamespace("servers", touch);
    this.serverAuthorizations = inOneNamespace("server-authorizations", touch);
    this.authorizationPolicies = inOneNamespace("authorization-policies", touch);
    this.rateLimits = inOneNamespace("rate-limits", touch);
    this.denyPolicies = inOneNamespace("deny-policies", touch);
    this.meshTlsRequirements = inOneNamespace("mesh-tls-requirements", touch);
    this.faultInjections = inOneNamespace("fault-injections", touch);
    this.egressNetworks = inOneNamespace("egress-networks", touch);
    this.meshTls = byName("mesh-tls", touch);
    this.jwts = new ObjectIndex({ named: "jwt", topicsOf: () => ["jwts"] }, touch);
    this.keySets = new KeySets(touch);
    this.networks = byName("networks", touch);
    this.policyHttpRoutes = byParent(touch);
    this.httpRoutes = byParent(touch);
    this.grpcRoutes = byParent(touch);
    this.tlsRoutes = byParent(touch);
    this.tcpRoutes = byParent(touch);
    this.profiles = byName("profile", touch);
    this.splits = new ObjectIndex(
      { topicsOf: ({ namespace, service }) => [`split:${objectKey(namespace, service)}`] },
      touch,
    );
  }

  /** Of a namespace, the oldest first. */
  serversIn(namespace: string, track: Track): readonly ServerRecord[] {
    return this.inNamespace(this.servers, `servers:${namespace}`, track);
  }
  serverAuthorizationsIn(namespace: string, track: Track): readonly ServerAuthorizationRecord[] {
    return this.inNamespace(this.serverAuthorizations, `server-authorizations:${namespace}`, track);
  }
  authorizationPoliciesIn(namespace: string, track: Track): readonly AuthorizationPolicyRecord[] {
    return this.inNamespace(this.authorizationPolicies, `authorization-policies:${namespace}`, track);
  }
  rateLimitsIn(namespace: string, track: Track): readonly RateLimitRecord[] {
    return this.inNamespace(this.rateLimits, `rate-limits:${namespace}`, track);
  }

  egressNetworksIn(namespace: string, track: Track): readonly EgressNetworkRecord[] {
    return this.inNamespace(this.egressNetworks, `egress-networks:${namespace}`, track);
  }

  denyPoliciesIn(namespace: string, track: Track): readonly DenyPolicyRecord[] {
    return this.inNamespace(this.denyPolicies, `deny-policies:${namespace}`, track);
  }

  meshTlsRequirementsIn(namespace: string, track: Track): readonly MeshTlsRequirementRecord[] {
    return this.inNamespace(this.meshTlsRequirements, `mesh-tls-requirements:${namespace}`, track);
  }

  faultInjectionsIn(namespace: string, track: Track): readonly FaultInjectionRecord[] {
    return this.inNamespace(this.faultInjections, `fault-injections:${namespace}`, track);
  }

  private inNamespace<T extends PolicyRecord>(index: ObjectIndex<T>, topic: string, track: Track): readonly T[] {
    track(topic);
    const known = this.sorted.get(topic);
    if (known !== undefined) return known as readonly T[];
    const found = index.find(topic).sort(byAge);
    this.sorted.set(topic, found);
    return found;
  }

  meshTlsAuthentication(namespace: string, name: string, track: Track): MeshTlsAuthenticationRecord | undefined {
    track(`mesh-tls:${objectKey(namespace, name)}`);
    return this.meshTls.get(namespace, name);
  }
  /** Of all key sets that have to be fetched, sorted. */
  keySetAddresses(track: Track): readonly string[] {
    track("jwts");
    const all = this.jwts.find("jwts").flatMap(({ keys }) => (keys.kind === "uri" ? [keys.uri] : []));
    return [...new Set(all)].sort();
  }
  jwtAuthentication(namespace: string, name: string, track: Track): JwtAuthenticationRecord | undefined {
    track(`jwt:${objectKey(namespace, name)}`);
    return this.jwts.get(namespace, name);
  }
  networkAuthentication(namespace: string, name: string, track: Track): NetworkAuthenticationRecord | undefined {
    track(`networks:${objectKey(namespace, name)}`);
    return this.networks.get(namespace, name);
  }

  /** `name`: the full name of the Service that it is about. */
  serviceProfile(namespace: string, name: string, track: Track): ServiceProfileRecord | undefined {
    track(`profile:${objectKey(namespace, name)}`);
    return this.profiles.get(namespace, name);
  }
  /** Of several for one Service the oldest. */
  trafficSplit(namespace: string, service: string, track: Track): TrafficSplitRecord | undefined {
    const topic = `split:${objectKey(namespace, service)}`;
    track(topic);
    return this.splits.find(topic).sort(byAge)[0];
  }

  /** HTTPRoutes of both groups that name this parent and can be understood, the oldest first. */
  httpRoutesOf(parent: ObjectRef, track: Track): HttpRouteRecord[] {
    const topic = routesTopic(parent);
    track(topic);
    return valid([...this.policyHttpRoutes.find(topic), ...this.httpRoutes.find(topic)]);
  }
  /** Those that can't be understood. */
  brokenHttpRoutesOf(parent: ObjectRef, track: Track): HttpRouteRecord[] {
    const topic = routesTopic(parent);
    track(topic);
    return broken([...this.policyHttpRoutes.find(topic), ...this.httpRoutes.find(topic)]);
  }
  tlsRoutesOf(parent: ObjectRef, track: Track): StreamRouteRecord[] {
    const topic = routesTopic(parent);
    track(topic);
    return valid(this.tlsRoutes.find(topic));
  }
  tcpRoutesOf(parent: ObjectRef, track: Track): StreamRouteRecord[] {
    const topic = routesTopic(parent);
    track(topic);
    return valid(this.tcpRoutes.find(topic));
  }
  grpcRoutesOf(parent: ObjectRef, track: Track): GrpcRouteRecord[] {
    const topic = routesTopic(parent);
    track(topic);
    return valid(this.grpcRoutes.find(topic));
  }
  brokenGrpcRoutesOf(parent: ObjectRef, track: Track): GrpcRouteRecord[] {
    const topic = routesTopic(parent);
    track(topic);
    return broken(this.grpcRoutes.find(topic));
  }
}

function valid<T extends RouteRecord>(routes: T[]): T[] {
  return routes.filter(({ invalid }) => invalid === null).sort(byAge);
}

function broken<T extends RouteRecord>(routes: T[]): T[] {
  return routes.filter(({ invalid }) => invalid !== null).sort(byAge);
}

type Touch = (topic: string) => void;

function inOneNamespace<T extends PolicyRecord>(what: string, touch: Touch): ObjectIndex<T> {
  return new ObjectIndex<T>({ topicsOf: ({ namespace }) => [`${what}:${namespace}`] }, touch);
}

function byName<T extends PolicyRecord>(what: string, touch: Touch): ObjectIndex<T> {
  return new ObjectIndex<T>({ named: what }, touch);
}

function byParent<T extends RouteRecord>(touch: Touch): ObjectIndex<T> {
  return new ObjectIndex<T>({ topicsOf: ({ parents }) => [...new Set(parents.map(routesTopic))] }, touch);
}

function routesTopic({ group, kind, namespace, name }: ObjectRef): string {
  return `routes:${group}/${kind}/${namespace}/${name}`;
}
