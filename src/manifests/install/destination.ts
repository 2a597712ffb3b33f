/** linkerd-destination: tells proxies where to send traffic (destination) and what is allowed (policy). */
import type { JsonObject, Manifest } from "../json.ts";
import { trustDomainOf } from "../values.ts";
import { deployment, type ControllerContainer } from "./deployment.ts";
import {
  allow,
  clusterRole,
  namespacedRole,
  readVerbs,
  service,
  serviceAccount,
  type InstallContext,
} from "./labels.ts";
import { webhookManifests, type WebhookTls } from "./webhook.ts";

const component = "destination";
const name = "linkerd-destination";

/** The certificates of the two validating webhooks; null leaves the validators out. */
export interface ValidatorTls {
  readonly profileValidator: WebhookTls;
  readonly policyValidator: WebhookTls;
}

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
const gatewayRoutes = ["httproutes", "grpcroutes", "tlsroutes", "tcproutes"];

export function destinationManifests(context: InstallContext, validators: ValidatorTls | null): Manifest[] {
  const grpc = { name: "grpc", port: 8086, targetPort: 8086 };
  return [
    ...destinationRbac(context),
    serviceAccount(context, component, name),
    ...policyRbac(context),
    service(context, component, "linkerd-dst", grpc),
    service(context, component, "linkerd-dst-headless", grpc, true),
    service(context, component, "linkerd-policy", { name: "grpc", port: 8090, targetPort: 8090 }, true),
    ...(validators === null ? [] : validatorServices(context)),
    ...destinationDeployment(context, validators !== null),
    ...(validators === null ? [] : validatorWebhooks(context, validators)),
  ];
}

function destinationRbac(context: InstallContext): Manifest[] {
  const rules: JsonObject[] = [
    allow(["apps"], ["replicasets"], readVerbs),
    allow(["batch"], ["jobs"], readVerbs),
    allow([""], ["pods", "endpoints", "services", "nodes"], readVerbs),
    allow(["linkerd.io"], ["serviceprofiles"], readVerbs),
    allow(["workload.linkerd.io"], ["externalworkloads"], readVerbs),
    allow(["coordination.k8s.io"], ["leases"], ["create", "get", "update", "patch"]),
  ];
  if (context.values.enableEndpointSlices) {
    rules.push(allow(["discovery.k8s.io"], ["endpointslices"], [...readVerbs, "create", "update", "patch", "delete"]));
  }
  return clusterRole(context, component, { role: `linkerd-${context.namespace}-destination`, account: name, rules });
}

function policyRbac(context: InstallContext): Manifest[] {
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
        allow(["gateway.networking.k8s.io"], gatewayRoutes, readVerbs),
        allow(["policy.linkerd.io"], statuses(["httproutes", "httplocalratelimitpolicies", "egressnetworks"]), [
          "patch",
        ]),
        allow(["gateway.networking.k8s.io"], statuses(gatewayRoutes), ["patch"]),
        allow(["workload.linkerd.io"], ["externalworkloads"], readVerbs),
        allow(["coordination.k8s.io"], ["leases"], ["create", "get", "patch"]),
      ],
    }),
    ...namespacedRole(context, component, {
      role: "remote-discovery",
      binding: "linkerd-destination-remote-discovery",
      subjects: [{ kind: "ServiceAccount", name, namespace: context.namespace }],
      rules: [allow([""], ["secrets"], readVerbs)],
    }),
  ];
}

function validatorServices(context: InstallContext): Manifest[] {
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

function validatorWebhooks(context: InstallContext, tls: ValidatorTls): Manifest[] {
  const { values } = context;
  const operations = ["CREATE", "UPDATE"];
  return [
    ...webhookManifests(context, {
      component,
      kind: "ValidatingWebhookConfiguration",
      service: "linkerd-sp-validator",
      tls: tls.profileValidator,
      options: values.profileValidator,
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
      tls: tls.policyValidator,
      options: values.policyValidator,
      rules: [
        { operations, apiGroups: ["policy.linkerd.io"], apiVersions: ["*"], resources: policyKinds },
        { operations, apiGroups: ["gateway.networking.k8s.io"], apiVersions: ["*"], resources: gatewayRoutes },
      ],
    }),
  ];
}

function destinationDeployment(context: InstallContext, validators: boolean): Manifest[] {
  const { values } = context;
  const containers = validators
    ? [destinationContainer(context), spValidatorContainer(context), policyContainer(context, true)]
    : [destinationContainer(context), policyContainer(context, false)];
  return deployment(context, {
    component,
    name,
    selector: "component-and-owner",
    inboundPorts: validators ? "8086,8090,8443,9443,9990,9996,9997" : "8086,8090,9990,9996",
    podAnnotations: values.destinationController.podAnnotations,
    proxyResources: values.destinationProxyResources,
    containers,
    volumes: validators
      ? [
          { name: "sp-tls", secret: { secretName: "linkerd-sp-validator-k8s-tls" } },
          { name: "policy-tls", secret: { secretName: "linkerd-policy-validator-k8s-tls" } },
        ]
      : [],
  });
}

function destinationContainer({ values, namespace }: InstallContext): ControllerContainer {
  const options = values.destinationController;
  return {
    name: "destination",
    args: [
      "destination",
      "--addr=:8086",
      `--controller-namespace=${namespace}`,
      `--outbound-transport-mode=${values.proxy.outboundTransportMode}`,
      `--enable-h2-upgrade=${values.enableH2Upgrade}`,
      `--log-level=${values.controllerLogLevel}`,
      `--log-format=${values.controllerLogFormat}`,
      `--enable-endpoint-slices=${values.enableEndpointSlices}`,
      `--cluster-domain=${values.clusterDomain}`,
      `--identity-trust-domain=${trustDomainOf(values)}`,
      `--default-opaque-ports=${values.proxy.opaquePorts}`,
      `--enable-ipv6=${!values.disableIPv6}`,
      `--meshed-http2-client-params=${JSON.stringify(options.meshedHttp2ClientProtobuf)}`,
      ...options.additionalArgs,
      ...options.experimentalArgs,
    ],
    env: [...options.additionalEnv, ...options.experimentalEnv],
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

function spValidatorContainer({ values }: InstallContext): ControllerContainer {
  return {
    name: "sp-validator",
    args: ["sp-validator", `--log-level=${values.controllerLogLevel}`, `--log-format=${values.controllerLogFormat}`],
    env: [...values.spValidator.additionalEnv, ...values.spValidator.experimentalEnv],
    ports: [
      { name: "sp-validator", containerPort: 8443 },
      { name: "spval-admin", containerPort: 9997 },
    ],
    adminPort: 9997,
    probes: values.spValidator,
    resources: values.spValidatorResources,
    mounts: [{ mountPath: "/var/run/linkerd/tls", name: "sp-tls", readOnly: true }],
  };
}

function policyContainer({ values, namespace }: InstallContext, validator: boolean): ControllerContainer {
  const options = values.policyController;
  const any = values.disableIPv6 ? "0.0.0.0" : "[::]";
  const admission = validator
    ? [
        `--server-addr=${any}:9443`,
        "--server-tls-key=/var/run/linkerd/tls/tls.key",
        "--server-tls-certs=/var/run/linkerd/tls/tls.crt",
      ]
    : ["--admission-controller-disabled"];
  return {
    name: "policy",
    args: [
      "policy",
      `--admin-addr=${any}:9990`,
      `--control-plane-namespace=${namespace}`,
      `--grpc-addr=${any}:8090`,
      ...admission,
      `--cluster-networks=${values.clusterNetworks}`,
      `--identity-domain=${trustDomainOf(values)}`,
      `--cluster-domain=${values.clusterDomain}`,
      `--default-policy=${values.proxy.defaultInboundPolicy}`,
      `--log-level=${options.logLevel}`,
      `--log-format=${values.controllerLogFormat}`,
      `--default-opaque-ports=${values.proxy.opaquePorts}`,
      `--global-egress-network-namespace=${values.egress.globalEgressNetworkNamespace}`,
      ...(options.probeNetworks.length > 0 ? [`--probe-networks=${options.probeNetworks.join(",")}`] : []),
      ...options.additionalArgs,
      ...options.experimentalArgs,
    ],
    ports: [
      { name: "policy-grpc", containerPort: 8090 },
      { name: "policy-admin", containerPort: 9990 },
      ...(validator ? [{ name: "policy-https", containerPort: 9443 }] : []),
    ],
    adminPort: 9990,
    livePath: "/live",
    probes: options,
    resources: options.resources,
    mounts: validator ? [{ mountPath: "/var/run/linkerd/tls", name: "policy-tls", readOnly: true }] : [],
  };
}
