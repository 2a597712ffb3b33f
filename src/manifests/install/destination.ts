/** linkerd-destination: tells proxies where to send traffic (destination) and what is allowed (policy). */
import {
  commaSeparated,
  concatenated,
  items,
  jsonText,
  not,
  pick,
  some,
  text,
  unlessEmpty,
  when,
  type Tree,
} from "../template/expression.ts";
import { extensionGroup } from "../crds/fault-injection.ts";
import { trustDomainExpr } from "../values.ts";
import { deployment, type ControllerContainer } from "./deployment.ts";
import {
  allow,
  clusterRole,
  namespacedRole,
  readVerbs,
  roleBinding,
  service,
  serviceAccount,
  type InstallContext,
} from "./labels.ts";
import { serverCertificate, webhookManifests, type ServerCertificate } from "./webhook.ts";

const component = "destination";
const name = "linkerd-destination";

const policyKinds = [
  "authorizationpolicies",
  "httplocalratelimitpolicies",
  "httproutes",
  "meshtlsauthentications",
  "networkauthentications",
  "servers",
  "serverauthorizations",
  "egressnetworks",
];
const extensionKinds = ["faultinjections", "denypolicies", "meshtlsrequirements", "jwtauthentications"];
const gatewayRoutes = ["httproutes", "grpcroutes", "tlsroutes", "tcproutes"];

export function destinationManifests(context: InstallContext): readonly Tree[] {
  const grpc = { name: "grpc", port: 8086, targetPort: 8086 };
  return [
    ...destinationRbac(context),
    serviceAccount(context, component, name),
    ...policyRbac(context),
    service(context, component, "linkerd-dst", grpc),
    service(context, component, "linkerd-dst-headless", grpc, true),
    service(context, component, "linkerd-policy", { name: "grpc", port: 8090, targetPort: 8090 }, true),
    ...validatorServices(context),
    ...destinationDeployment(context),
    ...validatorWebhooks(context),
  ];
}

function destinationRbac(context: InstallContext): readonly Tree[] {
  return clusterRole(context, component, {
    role: text`linkerd-${context.namespace}-destination`,
    account: name,
    rules: [
      allow(["apps"], ["replicasets"], readVerbs),
      allow(["batch"], ["jobs"], readVerbs),
      allow([""], ["pods", "endpoints", "services", "nodes"], readVerbs),
      allow(["linkerd.io"], ["serviceprofiles"], readVerbs),
      allow(["split.smi-spec.io"], ["trafficsplits"], readVerbs),
      allow(["workload.linkerd.io"], ["externalworkloads"], readVerbs),
      allow(["coordination.k8s.io"], ["leases"], ["create", "get", "update", "patch"]),
      allow(["discovery.k8s.io"], ["endpointslices"], [...readVerbs, "create", "update", "patch", "delete"]),
    ],
  });
}

function policyRbac(context: InstallContext): readonly Tree[] {
  const statuses = (kinds: readonly string[]): string[] => kinds.map((kind) => `${kind}/status`);
  return [
    ...clusterRole(context, component, {
      role: "linkerd-policy",
      binding: "linkerd-destination-policy",
      account: name,
      rules: [
        allow([""], ["pods"], readVerbs),
        allow(["apps"], ["deployments"], ["get"]),
        allow(["policy.linkerd.io"], policyKinds, readVerbs),
        allow([extensionGroup], extensionKinds, readVerbs),
        allow(["gateway.networking.k8s.io"], gatewayRoutes, readVerbs),
        allow(["policy.linkerd.io"], statuses(["httproutes", "httplocalratelimitpolicies", "egressnetworks"]), [
          "patch",
        ]),
        allow([extensionGroup], statuses(["faultinjections", "denypolicies", "meshtlsrequirements"]), ["patch"]),
        allow(["gateway.networking.k8s.io"], statuses(gatewayRoutes), ["patch"]),
        allow([""], ["events"], ["create", "patch"]),
        allow(["workload.linkerd.io"], ["externalworkloads"], readVerbs),
        allow(["coordination.k8s.io"], ["leases"], ["create", "get", "patch"]),
      ],
    }),
    namespacedRole(context, component, "remote-discovery", [allow([""], ["secrets"], readVerbs)]),
    roleBinding(context, component, {
      role: "remote-discovery",
      binding: "linkerd-destination-remote-discovery",
      subjects: [{ kind: "ServiceAccount", name, namespace: context.namespace }],
    }),
  ];
}

function validatorServices(context: InstallContext): readonly Tree[] {
  const https = (targetPort: string): { name: string; port: number; targetPort: string } => ({
    name: targetPort,
    port: 443,
    targetPort,
  });
  return [
    service(context, component, "linkerd-sp-validator", https("sp-validator")),
    service(context, component, "linkerd-policy-validator", https("policy-https")),
  ];
}

function validatorWebhooks(context: InstallContext): readonly Tree[] {
  const operations = ["CREATE", "UPDATE"];
  return [
    ...webhookManifests(context, {
      component,
      kind: "ValidatingWebhookConfiguration",
      service: "linkerd-sp-validator",
      path: "profileValidator",
      rules: [
        {
          operations,
          apiGroups: ["linkerd.io"],
          apiVersions: ["v1alpha1", "v1alpha2"],
          resources: ["serviceprofiles"],
        },
      ],
    }),
    ...webhookManifests(context, {
      component,
      kind: "ValidatingWebhookConfiguration",
      service: "linkerd-policy-validator",
      path: "policyValidator",
      rules: [
        { operations, apiGroups: ["policy.linkerd.io"], apiVersions: ["*"], resources: policyKinds },
        { operations, apiGroups: [extensionGroup], apiVersions: ["*"], resources: extensionKinds },
        { operations, apiGroups: ["gateway.networking.k8s.io"], apiVersions: ["*"], resources: gatewayRoutes },
      ],
      more: [
        {
          // Warns of annotations of Services that mean nothing; never in the way of one.
          name: "linkerd-policy-validator-services.linkerd.io",
          rules: [{ operations, apiGroups: [""], apiVersions: ["v1"], resources: ["services"] }],
          failurePolicy: "Ignore",
          timeoutSeconds: 2,
        },
      ],
    }),
  ];
}

function destinationDeployment(context: InstallContext): readonly Tree[] {
  const { values } = context;
  const profiles = serverCertificate(context, "linkerd-sp-validator", "profileValidator", { volume: "sp-tls" });
  const policies = serverCertificate(context, "linkerd-policy-validator", "policyValidator", {
    volume: "policy-tls",
    fileArgs: ["--server-tls-key=/var/run/linkerd/tls/tls.key", "--server-tls-certs=/var/run/linkerd/tls/tls.crt"],
  });
  return deployment(context, {
    component,
    name,
    selector: "component-and-owner",
    inboundPorts: "8086,8090,8443,9443,9990,9996,9997",
    podAnnotations: values.destinationController.podAnnotations,
    proxyResources: values.destinationProxyResources,
    containers: [
      destinationContainer(context),
      spValidatorContainer(context, profiles),
      policyContainer(context, policies),
    ],
    volumes: [...profiles.volumes, ...policies.volumes],
  });
}

function destinationContainer({ values, namespace }: InstallContext): ControllerContainer {
  const options = values.destinationController;
  return {
    name: "destination",
    args: [
      "destination",
      "--addr=:8086",
      text`--controller-namespace=${namespace}`,
      text`--outbound-transport-mode=${values.proxy.outboundTransportMode}`,
      text`--enable-h2-upgrade=${values.enableH2Upgrade}`,
      text`--log-level=${values.controllerLogLevel}`,
      text`--log-format=${values.controllerLogFormat}`,
      text`--enable-endpoint-slices=${values.enableEndpointSlices}`,
      text`--cluster-domain=${values.clusterDomain}`,
      text`--identity-trust-domain=${trustDomainExpr(values)}`,
      text`--default-opaque-ports=${values.proxy.opaquePorts}`,
      text`--enable-ipv6=${not(values.disableIPv6)}`,
      text`--meshed-http2-client-params=${jsonText(options.meshedHttp2ClientProtobuf)}`,
      ...items(options.additionalArgs),
      ...items(options.experimentalArgs),
    ],
    env: unlessEmpty(concatenated(options.additionalEnv, options.experimentalEnv)),
    ports: [
      { name: "dest-grpc", containerPort: 8086 },
      { name: "dest-admin", containerPort: 9996 },
    ],
    adminPort: 9996,
    probes: options,
    resources: values.destinationResources,
    mounts: [],
  };
}

function spValidatorContainer(
  { values, namespace }: InstallContext,
  certificate: ServerCertificate,
): ControllerContainer {
  return {
    name: "sp-validator",
    args: [
      "sp-validator",
      text`--log-level=${values.controllerLogLevel}`,
      text`--log-format=${values.controllerLogFormat}`,
      text`--controller-namespace=${namespace}`,
      ...certificate.args,
    ],
    env: unlessEmpty(concatenated(values.spValidator.additionalEnv, values.spValidator.experimentalEnv)),
    ports: [
      { name: "sp-validator", containerPort: 8443 },
      { name: "spval-admin", containerPort: 9997 },
    ],
    adminPort: 9997,
    probes: values.spValidator,
    resources: values.spValidatorResources,
    mounts: certificate.mounts,
  };
}

function policyContainer({ values, namespace }: InstallContext, certificate: ServerCertificate): ControllerContainer {
  const options = values.policyController;
  const any = pick(values.disableIPv6, "0.0.0.0", "[::]");
  return {
    name: "policy",
    args: [
      "policy",
      text`--admin-addr=${any}:9990`,
      text`--control-plane-namespace=${namespace}`,
      text`--grpc-addr=${any}:8090`,
      text`--server-addr=${any}:9443`,
      ...certificate.args,
      text`--cluster-networks=${values.clusterNetworks}`,
      text`--identity-domain=${trustDomainExpr(values)}`,
      text`--cluster-domain=${values.clusterDomain}`,
      text`--default-policy=${values.proxy.defaultInboundPolicy}`,
      text`--log-level=${options.logLevel}`,
      text`--log-format=${values.controllerLogFormat}`,
      text`--default-opaque-ports=${values.proxy.opaquePorts}`,
      text`--global-egress-network-namespace=${values.egress.globalEgressNetworkNamespace}`,
      when(some(options.probeNetworks), text`--probe-networks=${commaSeparated(options.probeNetworks)}`),
      ...items(options.additionalArgs),
      ...items(options.experimentalArgs),
    ],
    ports: [
      { name: "policy-grpc", containerPort: 8090 },
      { name: "policy-admin", containerPort: 9990 },
      { name: "policy-https", containerPort: 9443 },
    ],
    adminPort: 9990,
    livePath: "/live",
    probes: options,
    resources: options.resources,
    mounts: certificate.mounts,
  };
}
