/** Which rules hold for which kind. */
import type { Rule } from "./rule.ts";
import { checkAuthorizationPolicy } from "./rules/authorization-policy.ts";
import { checkDenyPolicy } from "./rules/deny-policy.ts";
import { checkEgressNetwork } from "./rules/egress-network.ts";
import { checkFaultInjection } from "./rules/fault-injection.ts";
import { checkGrpcRoute } from "./rules/grpc-route.ts";
import { checkHttpLocalRateLimitPolicy } from "./rules/http-local-rate-limit-policy.ts";
import { checkHttpRoute } from "./rules/http-route.ts";
import { checkJwtAuthentication } from "./rules/jwt-authentication.ts";
import { checkMeshTlsAuthentication } from "./rules/mesh-tls-authentication.ts";
import { checkMeshTlsRequirement } from "./rules/mesh-tls-requirement.ts";
import { checkNetworkAuthentication } from "./rules/network-authentication.ts";
import { checkServerAuthorization } from "./rules/server-authorization.ts";
import { checkServer } from "./rules/server.ts";
import { checkServiceProfile } from "./rules/service-profile.ts";
import { checkService } from "./rules/service.ts";
import { checkStreamRoute } from "./rules/stream-route.ts";

/** By "group/Kind"; the core group is "". All versions of a kind have the same rules: fields that one lacks are absent. */
export type Rules = Readonly<Record<string, Rule>>;

export const profileRules: Rules = {
  "linkerd.io/ServiceProfile": checkServiceProfile,
};

export const policyRules: Rules = {
  "policy.linkerd.io/AuthorizationPolicy": checkAuthorizationPolicy,
  "policy.linkerd.io/EgressNetwork": checkEgressNetwork,
  "policy.linkerd.io/HTTPLocalRateLimitPolicy": checkHttpLocalRateLimitPolicy,
  "policy.linkerd.io/HTTPRoute": checkHttpRoute,
  "policy.linkerd.io/MeshTLSAuthentication": checkMeshTlsAuthentication,
  "policy.linkerd.io/NetworkAuthentication": checkNetworkAuthentication,
  "policy.linkerd.io/Server": checkServer,
  "policy.linkerd.io/ServerAuthorization": checkServerAuthorization,
  "policy.linkerd-ts.dev/DenyPolicy": checkDenyPolicy,
  "policy.linkerd-ts.dev/FaultInjection": checkFaultInjection,
  "policy.linkerd-ts.dev/JWTAuthentication": checkJwtAuthentication,
  "policy.linkerd-ts.dev/MeshTLSRequirement": checkMeshTlsRequirement,
  "gateway.networking.k8s.io/HTTPRoute": checkHttpRoute,
  "gateway.networking.k8s.io/GRPCRoute": checkGrpcRoute,
  "gateway.networking.k8s.io/TCPRoute": checkStreamRoute,
  "gateway.networking.k8s.io/TLSRoute": checkStreamRoute,
  "/Service": checkService,
};
