/**
 * The settings of the control plane, by Linkerd's Helm names and defaults: what `linkerd install --set`, `-f` and the
 * chart take, what ConfigMap `linkerd-config` keeps, and what the injector reads. `certManager` is our own.
 */
import { defaultOpaquePorts } from "#model/opaque-ports.ts";
import { defaultPolicies } from "#model/default-policy.ts";
import type { JsonObject } from "../json.ts";
import {
  choice,
  flag,
  group,
  list,
  matching,
  optionalNumber,
  passthrough,
  port,
  ports,
  text,
  textMap,
  whole,
  type Field,
  type FieldType,
} from "./field.ts";
import { isCidr, isCidrList, isDomain, isDuration, isQuantity } from "./formats.ts";

/** Where images come from unless a value, an annotation or LINKERD_DOCKER_REGISTRY says otherwise. */
export const defaultRegistry = "cr.l5d.io/linkerd";

export const pullPolicies = ["Always", "IfNotPresent", "Never"] as const;

const durationPattern = "^(0|([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h|d))+)$";
const quantityPattern = "^[+-]?[0-9.]+([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$";
const cidrPattern = "^[0-9a-fA-F:.]+/[0-9]{1,3}$";
const duration = (fallback: string): Field<string> =>
  matching(fallback, isDuration, `a duration such as "10s", "500ms" or "24h"`, durationPattern);
const quantity = (): Field<string> => matching("", isQuantity, `a quantity such as "100m" or "250Mi"`, quantityPattern);
const pullPolicy = (): Field<(typeof pullPolicies)[number] | ""> => choice(["", ...pullPolicies], "");
const domain = (fallback: string): Field<string> =>
  matching(
    fallback,
    isDomain,
    "a DNS name of lower-case labels such as cluster.local",
    "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
  );
const cidr = (): Field<string> => matching("10.0.0.0/8", isCidr, `a network such as "10.0.0.0/8"`, cidrPattern);
const logFormat = choice(["plain", "json"], "plain");

const resourceFields = {
  cpu: group({ limit: quantity(), request: quantity() }),
  memory: group({ limit: quantity(), request: quantity() }),
  "ephemeral-storage": group({ limit: quantity(), request: quantity() }),
};
export const resources = group(resourceFields);

/** Requests and limits of a container; empty text means none. */
export type Resources = FieldType<typeof resources>;

export const image = (name: string) =>
  group({ name: text(`${defaultRegistry}/${name}`), pullPolicy: pullPolicy(), version: text("") });
const probe = group({ timeoutSeconds: whole(1, 1, 3600) });
const env = list<JsonObject>(passthrough({}));
const keepAlive = group({
  server: group({ http2: group({ keepAliveInterval: duration("10s"), keepAliveTimeout: duration("3s") }) }),
});
const proxyResources = group({ ...resourceFields, cores: optionalNumber(0, 1025) });

const notDisabled: JsonObject = {
  key: "config.linkerd.io/admission-webhooks",
  operator: "NotIn",
  values: ["disabled"],
};

/** The certificate of a webhook server: given as PEM, kept in a Secret of somebody else's, or made at install. */
const webhookTls = {
  externalSecret: flag(false),
  crtPEM: text(""),
  keyPEM: text(""),
  caBundle: text(""),
  injectCaFrom: text(""),
  injectCaFromSecret: text(""),
};

const proxy = group({
  image: image("proxy"),
  ports: group({ admin: port(4191), control: port(4190), inbound: port(4143), outbound: port(4140) }),
  uid: whole(2102, 0, 2 ** 31 - 1),
  gid: whole(-1, -1, 2 ** 31 - 1),
  logLevel: text("warn,linkerd=info,hickory=error"),
  logFormat,
  logHTTPHeaders: choice(["off", "insecure", ""], "off"),
  accessLog: choice(["", "apache", "json"], ""),
  cores: optionalNumber(0, 1025),
  runtime: group({
    workers: group({
      minimum: whole(1, 1, 1024),
      maximum: optionalNumber(0, 1025),
      maximumCPURatio: optionalNumber(0, 1.000001),
    }),
  }),
  resources,
  securityContext: passthrough({}),
  defaultInboundPolicy: choice(defaultPolicies, "all-unauthenticated"),
  opaquePorts: ports(defaultOpaquePorts),
  requireIdentityOnInboundPorts: ports(""),
  requireTLSOnInboundPorts: ports(""),
  outboundTransportMode: choice(["transport-header", "transparent"], "transport-header"),
  outboundConnectTimeout: duration("1000ms"),
  inboundConnectTimeout: duration("100ms"),
  outboundDiscoveryCacheUnusedTimeout: duration("5s"),
  inboundDiscoveryCacheUnusedTimeout: duration("90s"),
  disableOutboundProtocolDetectTimeout: flag(false),
  disableInboundProtocolDetectTimeout: flag(false),
  enableExternalProfiles: flag(false),
  enableShutdownEndpoint: flag(false),
  shutdownGracePeriod: matching("", isDuration, `a duration such as "2m"`, durationPattern),
  waitBeforeExitSeconds: whole(0, 0, 86_400),
  await: flag(true),
  nativeSidecar: flag(true),
  isGateway: flag(false),
  isIngress: flag(false),
  livenessProbe: group({ initialDelaySeconds: whole(10, 0, 3600), timeoutSeconds: whole(1, 1, 3600) }),
  readinessProbe: group({ initialDelaySeconds: whole(2, 0, 3600), timeoutSeconds: whole(1, 1, 3600) }),
  startupProbe: group({
    initialDelaySeconds: whole(0, 0, 3600),
    periodSeconds: whole(1, 1, 3600),
    failureThreshold: whole(120, 1, 100_000),
  }),
  control: group({
    streams: group({ initialTimeout: duration("3s"), idleTimeout: duration("5m"), lifetime: duration("1h") }),
  }),
  inbound: keepAlive,
  outbound: keepAlive,
  metrics: group({ hostnameLabels: flag(false) }),
  tracing: group({
    enabled: flag(false),
    protocol: choice(["opentelemetry"], "opentelemetry"),
    traceServiceName: text("linkerd-proxy"),
    labels: textMap({
      "k8s.pod.ip": "$(_pod_ip)",
      "k8s.pod.uid": "$(_pod_uid)",
      "k8s.container.name": "$(_pod_containerName)",
    }),
    collector: group({
      endpoint: text(""),
      meshIdentity: group({ serviceAccountName: text(""), namespace: text("") }),
    }),
  }),
  additionalEnv: env,
  experimentalEnv: env,
});

const proxyInit = group({
  image: passthrough({}),
  resources: passthrough({}),
  iptablesMode: choice(["nft", "legacy", "plain"], "nft"),
  ignoreInboundPorts: ports("4567,4568"),
  ignoreOutboundPorts: ports("4567,4568"),
  kubeAPIServerPorts: ports("443,6443"),
  skipSubnets: matching("", isCidrList, `networks such as "10.0.0.0/8,fd00::/8"`, "^[0-9a-fA-F:./, ]*$"),
  logLevel: text(""),
  logFormat: choice(["", "plain", "json"], ""),
  closeWaitTimeoutSecs: whole(0, 0, 86_400),
  privileged: flag(false),
  runAsRoot: flag(false),
  runAsUser: whole(65534, 0, 2 ** 31 - 1),
  runAsGroup: whole(65534, 0, 2 ** 31 - 1),
  xtMountPath: group({ mountPath: text("/run"), name: text("linkerd-proxy-init-xtables-lock") }),
});

const kubeApi = group({ clientQPS: whole(100, 1, 100_000), clientBurst: whole(200, 1, 100_000) });
const podMonitorTarget = group({ enabled: flag(true), honorTimestamps: flag(false), namespaceSelector: text("") });

export const controlPlaneValues = group({
  linkerdVersion: text(""),
  cliVersion: text(""),
  clusterDomain: domain("cluster.local"),
  clusterNetworks: matching(
    "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fd00::/8",
    isCidrList,
    `networks such as "10.0.0.0/8,fd00::/8"`,
    "^[0-9a-fA-F:./, ]*$",
  ),
  disableIPv6: flag(true),
  imagePullPolicy: choice(pullPolicies, "IfNotPresent"),
  imagePullSecrets: list(group({ name: text("") })),
  controllerImage: text(`${defaultRegistry}/controller`),
  controllerImageVersion: text(""),
  controllerReplicas: whole(1, 0, 1000),
  controllerUID: whole(2103, 0, 2 ** 31 - 1),
  controllerGID: whole(-1, -1, 2 ** 31 - 1),
  controllerLogLevel: text("info"),
  controllerLogFormat: logFormat,
  controllerResources: resources,
  destinationResources: resources,
  identityResources: resources,
  heartbeatResources: resources,
  proxyInjectorResources: resources,
  spValidatorResources: resources,
  destinationProxyResources: proxyResources,
  identityProxyResources: proxyResources,
  proxyInjectorProxyResources: proxyResources,
  controller: group({
    podDisruptionBudget: group({ maxUnavailable: whole(1, 0, 1000) }),
    tracing: group({ enabled: flag(false), collector: group({ endpoint: text("") }) }),
  }),
  cniEnabled: flag(false),
  deploymentStrategy: passthrough({ rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" } }),
  disableHeartBeat: flag(false),
  enableEndpointSlices: flag(true),
  enableH2Upgrade: flag(true),
  enablePSP: flag(false),
  enablePodAntiAffinity: flag(false),
  enablePodDisruptionBudget: flag(false),
  enablePprof: flag(false),
  highAvailability: flag(false),
  revisionHistoryLimit: whole(10, 0, 1000),
  heartbeatSchedule: text(""),
  identityTrustAnchorsPEM: text(""),
  identityTrustDomain: domain(""),
  identity: group({
    externalCA: flag(false),
    serviceAccountTokenProjection: flag(true),
    issuer: group({
      scheme: choice(["linkerd.io/tls", "kubernetes.io/tls"], "linkerd.io/tls"),
      clockSkewAllowance: duration("20s"),
      issuanceLifetime: duration("24h0m0s"),
      tls: group({ crtPEM: text(""), keyPEM: text("") }),
    }),
    additionalEnv: env,
    experimentalEnv: env,
    kubeAPI: kubeApi,
    livenessProbe: probe,
    podAnnotations: textMap(),
    readinessProbe: probe,
  }),
  kubeAPI: kubeApi,
  webhookFailurePolicy: choice(["Ignore", "Fail"], "Ignore"),
  proxyInjector: group({
    ...webhookTls,
    timeoutSeconds: whole(10, 1, 30),
    additionalEnv: env,
    experimentalEnv: env,
    livenessProbe: probe,
    namespaceSelector: passthrough({
      matchExpressions: [
        notDisabled,
        { key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["kube-system", "cert-manager"] },
      ],
    }),
    objectSelector: passthrough({
      matchExpressions: [
        { key: "linkerd.io/control-plane-component", operator: "DoesNotExist" },
        { key: "linkerd.io/cni-resource", operator: "DoesNotExist" },
      ],
    }),
    podAnnotations: textMap(),
    readinessProbe: probe,
  }),
  profileValidator: group({ ...webhookTls, namespaceSelector: passthrough({ matchExpressions: [notDisabled] }) }),
  policyValidator: group({ ...webhookTls, namespaceSelector: passthrough({ matchExpressions: [notDisabled] }) }),
  spValidator: group({ additionalEnv: env, experimentalEnv: env, livenessProbe: probe, readinessProbe: probe }),
  policyController: group({
    image: passthrough({}),
    additionalArgs: list(text("")),
    experimentalArgs: list(text("")),
    livenessProbe: probe,
    logLevel: text("info"),
    probeNetworks: list(cidr(), ["0.0.0.0/0", "::/0"]),
    readinessProbe: probe,
    resources,
  }),
  destinationController: group({
    additionalArgs: list(text("")),
    additionalEnv: env,
    experimentalArgs: list(text("")),
    experimentalEnv: env,
    livenessProbe: probe,
    meshedHttp2ClientProtobuf: passthrough({
      keep_alive: { interval: { seconds: 10 }, timeout: { seconds: 3 }, while_idle: true },
    }),
    podAnnotations: textMap(),
    readinessProbe: probe,
  }),
  proxy,
  proxyInit,
  networkValidator: group({
    connectAddr: text(""),
    enableSecurityContext: flag(true),
    listenAddr: text(""),
    logFormat,
    logLevel: text("debug"),
    securityContext: passthrough({}),
    timeout: duration("10s"),
  }),
  debugContainer: group({ image: image("debug") }),
  egress: group({ globalEgressNetworkNamespace: text("linkerd-egress") }),
  podMonitor: group({
    enabled: flag(false),
    controller: podMonitorTarget,
    labels: textMap(),
    proxy: podMonitorTarget,
    scrapeInterval: duration("10s"),
    scrapeTimeout: duration("10s"),
    serviceMirror: podMonitorTarget,
  }),
  prometheusUrl: text(""),
  certManager: group({
    enabled: flag(false),
    namespace: text("cert-manager"),
    anchorDuration: duration("8760h"),
    issuerDuration: duration("720h"),
    webhookDuration: duration("2160h"),
  }),
  nodeAffinity: passthrough({}),
  nodeSelector: textMap({ "kubernetes.io/os": "linux" }),
  tolerations: list<JsonObject>(passthrough({})),
  priorityClassName: text(""),
  runtimeClassName: text(""),
  commonLabels: textMap(),
  podAnnotations: textMap(),
  podLabels: textMap(),
  configReaders: list(group({ name: text(""), namespace: text("") })),
  partials: passthrough({}),
});

export type Values = FieldType<typeof controlPlaneValues>;
