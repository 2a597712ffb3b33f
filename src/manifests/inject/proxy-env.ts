/** The environment of the proxy container: the one way in which settings reach a proxy. Order matters where `$(name)` refers back. */
import {
  and,
  demand,
  equal,
  items,
  lines,
  not,
  pick,
  some,
  text,
  trimmed,
  when,
  type Expr,
  type Tree,
} from "../template/expression.ts";
import { trustDomainExpr } from "../values.ts";
import { proxyContainer, serviceAccountMountPath } from "./keys.ts";
import type { ProxyView } from "./settings.ts";

/** Builds an env list. */
class EnvList {
  readonly entries: Tree[] = [];

  set(name: string, value: Expr<string>): void {
    this.entries.push({ name, value });
  }

  setWhen(condition: Expr<boolean>, name: string, value: Expr<string>): void {
    this.entries.push(when(condition, { name, value }));
  }

  field(name: string, fieldPath: string): void {
    this.entries.push({ name, valueFrom: { fieldRef: { fieldPath } } });
  }
}

const prefix = "LINKERD2_PROXY_";

export function proxyEnv(settings: ProxyView): readonly Tree[] {
  const { values, controlPlaneNamespace: ns, component } = settings;
  const { proxy, clusterDomain } = values;
  const env = new EnvList();
  const set = (name: string, value: Expr<string>): void => env.set(prefix + name, value);
  const setWhen = (condition: Expr<boolean>, name: string, value: Expr<string>): void =>
    env.setWhen(condition, prefix + name, value);
  /** Only when there is something to say: the proxy's own default holds otherwise. */
  const setUnlessEmpty = (name: string, value: Expr<string>): void => setWhen(some(value), name, value);
  const trustDomain = trustDomainExpr(values);
  const identityOf = (serviceAccount: Expr<string>, namespace: Expr<string>): Expr<string> =>
    text`${serviceAccount}.${namespace}.serviceaccount.identity.${ns}.${trustDomain}`;
  /** A control-plane component's own proxy reaches it inside the pod: its Service may have no ready endpoint yet. */
  const service = (name: string, port: number, own: boolean): Expr<string> =>
    own ? `localhost.:${port}` : text`${name}.${ns}.svc.${clusterDomain}.:${port}`;
  const isDestination = component === "linkerd-destination";
  const any = pick(values.disableIPv6, "0.0.0.0", "[::]");

  // First, because later values refer to them.
  env.field("_pod_name", "metadata.name");
  env.field("_pod_ns", "metadata.namespace");
  env.field("_pod_uid", "metadata.uid");
  env.field("_pod_ip", "status.podIP");
  env.field("_pod_nodeName", "spec.nodeName");
  env.set("_pod_containerName", proxyContainer);
  workers(settings, set, setWhen);
  setUnlessEmpty("INBOUND_PORTS_REQUIRE_IDENTITY", proxy.requireIdentityOnInboundPorts);
  setUnlessEmpty("INBOUND_PORTS_REQUIRE_TLS", proxy.requireTLSOnInboundPorts);
  set("SHUTDOWN_ENDPOINT_ENABLED", text`${proxy.enableShutdownEndpoint}`);
  set(
    "LOG",
    pick(
      equal(proxy.logHTTPHeaders, "insecure"),
      proxy.logLevel,
      text`${proxy.logLevel},[{headers}]=off,[{request}]=off`,
    ),
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
  setWhen(proxy.disableOutboundProtocolDetectTimeout, "OUTBOUND_DETECT_TIMEOUT", "365d");
  setWhen(proxy.disableInboundProtocolDetectTimeout, "INBOUND_DETECT_TIMEOUT", "365d");
  set("CONTROL_LISTEN_ADDR", text`${any}:${proxy.ports.control}`);
  set("ADMIN_LISTEN_ADDR", text`${any}:${proxy.ports.admin}`);
  set("OUTBOUND_LISTEN_ADDR", text`127.0.0.1:${proxy.ports.outbound}`);
  const loopback6 = pick(values.disableIPv6, "", text`,[::1]:${proxy.ports.outbound}`);
  set("OUTBOUND_LISTEN_ADDRS", text`127.0.0.1:${proxy.ports.outbound}${loopback6}`);
  set("INBOUND_LISTEN_ADDR", text`${any}:${proxy.ports.inbound}`);
  env.field(`${prefix}INBOUND_IPS`, "status.podIPs");
  set("INBOUND_PORTS", settings.podInboundPorts);
  const suffix = text`svc.${clusterDomain}.`;
  setWhen(proxy.isGateway, "INBOUND_GATEWAY_SUFFIXES", suffix);
  setWhen(proxy.isIngress, "INGRESS_MODE", "true");
  set("DESTINATION_PROFILE_SUFFIXES", pick(proxy.enableExternalProfiles, ".", suffix));
  set("INBOUND_ACCEPT_KEEPALIVE", "10000ms");
  set("OUTBOUND_CONNECT_KEEPALIVE", "10000ms");
  set("INBOUND_ACCEPT_USER_TIMEOUT", "30s");
  set("OUTBOUND_CONNECT_USER_TIMEOUT", "30s");
  set("OUTBOUND_METRICS_HOSTNAME_LABELS", text`${proxy.metrics.hostnameLabels}`);
  tracing(settings, setWhen, identityOf);
  set("INBOUND_SERVER_HTTP2_KEEP_ALIVE_INTERVAL", proxy.inbound.server.http2.keepAliveInterval);
  set("INBOUND_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT", proxy.inbound.server.http2.keepAliveTimeout);
  set("OUTBOUND_SERVER_HTTP2_KEEP_ALIVE_INTERVAL", proxy.outbound.server.http2.keepAliveInterval);
  set("OUTBOUND_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT", proxy.outbound.server.http2.keepAliveTimeout);
  setUnlessEmpty("INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION", proxy.opaquePorts);
  set("DESTINATION_CONTEXT", `{"ns":"$(_pod_ns)", "nodeName":"$(_pod_nodeName)", "pod":"$(_pod_name)"}`);
  env.field("_pod_sa", "spec.serviceAccountName");
  env.set("_l5d_ns", ns);
  env.set("_l5d_trustdomain", trustDomain);
  set("IDENTITY_DIR", "/var/run/linkerd/identity/end-entity");
  env.entries.push(...trustAnchors(settings));
  set(
    "IDENTITY_TOKEN_FILE",
    pick(
      values.identity.serviceAccountTokenProjection,
      "/var/run/secrets/tokens/linkerd-identity-token",
      `${serviceAccountMountPath}/token`,
    ),
  );
  set("IDENTITY_SVC_ADDR", service("linkerd-identity-headless", 8080, component === "linkerd-identity"));
  set("IDENTITY_LOCAL_NAME", identityOf("$(_pod_sa)", "$(_pod_ns)"));
  set("IDENTITY_SVC_NAME", identityOf("linkerd-identity", ns));
  set("DESTINATION_SVC_NAME", identityOf("linkerd-destination", ns));
  set("POLICY_SVC_NAME", identityOf("linkerd-destination", ns));
  setUnlessEmpty("ACCESS_LOG", proxy.accessLog);
  setUnlessEmpty("SHUTDOWN_GRACE_PERIOD", proxy.shutdownGracePeriod);
  return [...env.entries, ...items(proxy.additionalEnv), ...items(proxy.experimentalEnv)];
}

type SetWhen = (condition: Expr<boolean>, name: string, value: Expr<string>) => void;

function workers({ values }: ProxyView, set: (name: string, value: Expr<string>) => void, setWhen: SetWhen): void {
  const { cores, runtime } = values.proxy;
  const { minimum, maximum, maximumCPURatio } = runtime.workers;
  const fixed = some(cores);
  const least = pick(fixed, text`${cores as Expr<number>}`, text`${minimum}`);
  set("CORES", least);
  set("CORES_MIN", least);
  setWhen(and(not(fixed), some(maximum)), "CORES_MAX", text`${maximum as Expr<number>}`);
  setWhen(and(not(fixed), some(maximumCPURatio)), "CORES_MAX_RATIO", text`${maximumCPURatio as Expr<number>}`);
}

function tracing(
  { values }: ProxyView,
  setWhen: SetWhen,
  identityOf: (serviceAccount: Expr<string>, namespace: Expr<string>) => Expr<string>,
): void {
  const { enabled, protocol, traceServiceName, collector, labels } = values.proxy.tracing;
  const { meshIdentity } = collector;
  const set = (name: string, value: Expr<string>): void => setWhen(enabled, name, value);
  set("TRACE_ATTRIBUTES_PATH", "/var/run/linkerd/podinfo/labels");
  set("TRACE_ANNOTATIONS_PATH", "/var/run/linkerd/podinfo/annotations");
  set("TRACE_PROTOCOL", protocol);
  set("TRACE_SERVICE_NAME", traceServiceName);
  set("TRACE_COLLECTOR_SVC_ADDR", collector.endpoint);
  set("TRACE_COLLECTOR_SVC_NAME", identityOf(meshIdentity.serviceAccountName, meshIdentity.namespace));
  set("TRACE_EXTRA_ATTRIBUTES", lines(labels));
}

function trustAnchors({ values, trustBundleFromConfigMap }: ProxyView): readonly Tree[] {
  const name = `${prefix}IDENTITY_TRUST_ANCHORS`;
  if (trustBundleFromConfigMap) {
    return [{ name, valueFrom: { configMapKeyRef: { name: "linkerd-identity-trust-roots", key: "ca-bundle.crt" } } }];
  }
  const anchors = trimmed(values.identityTrustAnchorsPEM);
  demand(some(anchors), `Value "identityTrustAnchorsPEM" is empty, and proxies need trust anchors`);
  return [{ name, value: text`${anchors}\n` }];
}
