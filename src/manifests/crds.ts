/** The custom resources of the mesh. Gateway API's own are not among them: clusters have them from elsewhere. */
import type { Manifest } from "./json.ts";
import { plain } from "./template/expression.ts";
import { authorizationPolicy, meshTlsAuthentication, networkAuthentication } from "./crds/authorization.ts";
import type { Crd, CrdContext } from "./crds/definition.ts";
import { denyPolicy } from "./crds/deny-policy.ts";
import { jwtAuthentication } from "./crds/jwt-authentication.ts";
import { meshTlsRequirement } from "./crds/mesh-tls-requirement.ts";
import { externalWorkload } from "./crds/external-workload.ts";
import { faultInjection } from "./crds/fault-injection.ts";
import { httpRoute } from "./crds/http-route.ts";
import { link } from "./crds/link.ts";
import { server, serverAuthorization } from "./crds/server.ts";
import { serviceProfile } from "./crds/service-profile.ts";
import { egressNetwork, httpLocalRateLimitPolicy, trafficSplit } from "./crds/traffic.ts";

export const allCrds: readonly Crd[] = [
  authorizationPolicy,
  egressNetwork,
  httpLocalRateLimitPolicy,
  httpRoute,
  meshTlsAuthentication,
  networkAuthentication,
  serverAuthorization,
  server,
  serviceProfile,
  externalWorkload,
  trafficSplit,
  faultInjection,
  denyPolicy,
  meshTlsRequirement,
  jwtAuthentication,
];

/** Link, which is part of the multicluster extension. */
export const renderLinkCrd = (context: CrdContext): Manifest => plain(link.make(context)) as Manifest;

/** What `linkerd install --crds` prints. */
export function renderCrds(context: CrdContext): Manifest[] {
  return allCrds.map(({ make }) => plain(make(context)) as Manifest);
}
