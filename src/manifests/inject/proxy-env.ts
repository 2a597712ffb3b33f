/** The environment of the proxy container: the one way in which settings reach a proxy. Order matters where `$(name)` refers back. */
import { MeshError } from "#lib/errors.ts";
import type { JsonObject } from "../json.ts";
import { trustDomainOf } from "../values.ts";
import { proxyContainer, serviceAccountMountPath } from "./keys.ts";
import type { ProxySettings } from "./settings.ts";

/** Builds an env list; `undefined` and empty values are left out unless `keepEmpty`. */
class EnvList {
  readonly entries: JsonObject[] = [];

  set(name: string, value: string): void {
    this.entries.push({ name, value });
  }

  /** Only when there is something to say: the proxy's own default holds otherwise. */
  setUnlessEmpty(name: string, value: string): void {
    if (value !== "") this.set(name, value);
  }

  field(name: string, fieldPath: string): void {
    this.entries.push({ name, valueFrom: { fieldRef: { fieldPath } } });
  }
}

const prefix = "LINKERD2_PROXY_";

export function proxyEnv(settings: ProxySettings): JsonObject[] {
  const { values, controlPlaneNamespace: ns, component } = settings;
  const { proxy, clusterDomain } = values;
  const env = new EnvList();
  const set = (name: string, value: string): void => env.set(prefix + name, value);
  const setUnlessEmpty = (name: string, value: string): void => env.setUnlessEmpty(prefix + name, value);
  const identityOf = (serviceAccount: string, namespace: string): string =>
    `${serviceAccount}.${namespace}.serviceaccount.identity.${ns}.${trustDomainOf(values)}`;
  /** A control-plane component's own proxy reaches it inside the pod: its Service may have no ready endpoint yet. */
  const service = (name: string, port: number, own: boolean): string =>
    own ? `localhost.:${port}` : `${name}.${ns}.svc.${clusterDomain}.:${port}`;
  const isDestination = component === "linkerd-destination";
  const any = values.disableIPv6 ? "0.0.0.0" : "[::]";

  // First, because later values refer to them.
  env.field("_pod_name", "metadata.name");
  env.field("_pod_ns", "metadata.namespace");
  env.field("_pod_uid", "metadata.uid");
  env.field("_pod_ip", "status.podIP");
  env.field("_pod_nodeName", "spec.nodeName");
  env.set("_pod_containerName", proxyContainer);
  workers(settings, set);
  setUnlessEmpty("INBOUND_PORTS_REQUIRE_IDENTITY", proxy.requireIdentityOnInboundPorts);
  setUnlessEmpty("INBOUND_PORTS_REQUIRE_TLS", proxy.requireTLSOnInboundPorts);
  set("SHUTDOWN_ENDPOINT_ENABLED", String(proxy.enableShutdownEndpoint));
  set(
    "LOG",
    proxy.logHTTPHeaders === "insecure" ? proxy.logLevel : `${proxy.logLevel},[{headers}]=off,[{request}]=off`,
  );
  set("LOG_FORMAT", proxy.logFormat);
  set("DESTINATION_SVC_ADDR", service("linkerd-dst-headless", 8086, isDestination));
  set("DESTINATION_PROFILE_NETWORKS", values.clusterNetworks);
  set("POLICY_SVC_ADDR", service("linkerd-policy", 8090, isDestination));
  set("POLICY_WORKLOAD", `{"ns":"$(_pod_ns)", "pod":"$(_pod_name)"}`);
  set("INBOUND_DEFAULT_POLICY", proxy.defaultInboundPolicy);
  set("POLICY_CLUSTER_NETWORKS", values.clusterNetworks);
  set("CONTROL_STREAM_INITIAL_TIMEOUT", proxy.control.streams.initialTimeout);
  set("CONTROL_STREAM_IDLE_TIMEOUT", proxy.control.streams.idleTimeout);
  set("CONTROL_STREAM_LIFETIME", proxy.control.streams.lifetime);
  set("INBOUND_CONNECT_TIMEOUT", proxy.inboundConnectTimeout);
  set("OUTBOUND_CONNECT_TIMEOUT", proxy.outboundConnectTimeout);
  set("OUTBOUND_DISCOVERY_IDLE_TIMEOUT", proxy.outboundDiscoveryCacheUnusedTimeout);
  set("INBOUND_DISCOVERY_IDLE_TIMEOUT", proxy.inboundDiscoveryCacheUnusedTimeout);
  // "Never" is spelled as a year: the proxy has no word for it.
  if (proxy.disableOutboundProtocolDetectTimeout) set("OUTBOUND_DETECT_TIMEOUT", "365d");
  if (proxy.disableInboundProtocolDetectTimeout) set("INBOUND_DETECT_TIMEOUT", "365d");
  set("CONTROL_LISTEN_ADDR", `${any}:${proxy.ports.control}`);
  set("ADMIN_LISTEN_ADDR", `${any}:${proxy.ports.admin}`);
  set("OUTBOUND_LISTEN_ADDR", `127.0.0.1:${proxy.ports.outbound}`);
  const loopback6 = values.disableIPv6 ? "" : `,[::1]:${proxy.ports.outbound}`;
  set("OUTBOUND_LISTEN_ADDRS", `127.0.0.1:${proxy.ports.outbound}${loopback6}`);
  set("INBOUND_LISTEN_ADDR", `${any}:${proxy.ports.inbound}`);
  env.field(`${prefix}INBOUND_IPS`, "status.podIPs");
  set("INBOUND_PORTS", settings.podInboundPorts);
  if (proxy.isGateway) set("INBOUND_GATEWAY_SUFFIXES", `svc.${clusterDomain}.`);
  if (proxy.isIngress) set("INGRESS_MODE", "true");
  set("DESTINATION_PROFILE_SUFFIXES", proxy.enableExternalProfiles ? "." : `svc.${clusterDomain}.`);
  set("INBOUND_ACCEPT_KEEPALIVE", "10000ms");
  set("OUTBOUND_CONNECT_KEEPALIVE", "10000ms");
  set("INBOUND_ACCEPT_USER_TIMEOUT", "30s");
  set("OUTBOUND_CONNECT_USER_TIMEOUT", "30s");
  set("OUTBOUND_METRICS_HOSTNAME_LABELS", String(proxy.metrics.hostnameLabels));
  tracing(settings, set, identityOf);
  set("INBOUND_SERVER_HTTP2_KEEP_ALIVE_INTERVAL", proxy.inbound.server.http2.keepAliveInterval);
  set("INBOUND_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT", proxy.inbound.server.http2.keepAliveTimeout);
  set("OUTBOUND_SERVER_HTTP2_KEEP_ALIVE_INTERVAL", proxy.outbound.server.http2.keepAliveInterval);
  set("OUTBOUND_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT", proxy.outbound.server.http2.keepAliveTimeout);
  setUnlessEmpty("INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION", proxy.opaquePorts);
  set("DESTINATION_CONTEXT", `{"ns":"$(_pod_ns)", "nodeName":"$(_pod_nodeName)", "pod":"$(_pod_name)"}`);
  env.field("_pod_sa", "spec.serviceAccountName");
  env.set("_l5d_ns", ns);
  env.set("_l5d_trustdomain", trustDomainOf(values));
  set("IDENTITY_DIR", "/var/run/linkerd/identity/end-entity");
  env.entries.push(trustAnchors(settings));
  set(
    "IDENTITY_TOKEN_FILE",
    values.identity.serviceAccountTokenProjection
      ? "/var/run/secrets/tokens/linkerd-identity-token"
      : `${serviceAccountMountPath}/token`,
  );
  set("IDENTITY_SVC_ADDR", service("linkerd-identity-headless", 8080, component === "linkerd-identity"));
  set("IDENTITY_LOCAL_NAME", identityOf("$(_pod_sa)", "$(_pod_ns)"));
  set("IDENTITY_SVC_NAME", identityOf("linkerd-identity", ns));
  set("DESTINATION_SVC_NAME", identityOf("linkerd-destination", ns));
  set("POLICY_SVC_NAME", identityOf("linkerd-destination", ns));
  setUnlessEmpty("ACCESS_LOG", proxy.accessLog);
  setUnlessEmpty("SHUTDOWN_GRACE_PERIOD", proxy.shutdownGracePeriod);
  return [...env.entries, ...proxy.additionalEnv, ...proxy.experimentalEnv];
}

function workers({ values }: ProxySettings, set: (name: string, value: string) => void): void {
  const { cores, runtime } = values.proxy;
  const { minimum, maximum, maximumCPURatio } = runtime.workers;
  set("CORES", String(cores ?? minimum));
  set("CORES_MIN", String(cores ?? minimum));
  if (cores !== null) return;
  if (maximum !== null) set("CORES_MAX", String(maximum));
  if (maximumCPURatio !== null) set("CORES_MAX_RATIO", String(maximumCPURatio));
}

function tracing(
  { values }: ProxySettings,
  set: (name: string, value: string) => void,
  identityOf: (serviceAccount: string, namespace: string) => string,
): void {
  const { tracing } = values.proxy;
  if (!tracing.enabled) return;
  const { endpoint, meshIdentity } = tracing.collector;
  set("TRACE_ATTRIBUTES_PATH", "/var/run/linkerd/podinfo/labels");
  set("TRACE_ANNOTATIONS_PATH", "/var/run/linkerd/podinfo/annotations");
  set("TRACE_PROTOCOL", tracing.protocol);
  set("TRACE_SERVICE_NAME", tracing.traceServiceName);
  set("TRACE_COLLECTOR_SVC_ADDR", endpoint);
  set("TRACE_COLLECTOR_SVC_NAME", identityOf(meshIdentity.serviceAccountName, meshIdentity.namespace));
  const attributes = Object.entries(tracing.labels).map(([name, value]) => `${name}=${value}\n`);
  set("TRACE_EXTRA_ATTRIBUTES", attributes.join(""));
}

function trustAnchors({ values, trustBundleFromConfigMap }: ProxySettings): JsonObject {
  const name = `${prefix}IDENTITY_TRUST_ANCHORS`;
  if (trustBundleFromConfigMap) {
    return { name, valueFrom: { configMapKeyRef: { name: "linkerd-identity-trust-roots", key: "ca-bundle.crt" } } };
  }
  const anchors = values.identityTrustAnchorsPEM.trim();
  if (anchors === "") {
    throw new MeshError("invalid-argument", `Value "identityTrustAnchorsPEM" is empty, and proxies need trust anchors`);
  }
  return { name, value: `${anchors}\n` };
}
