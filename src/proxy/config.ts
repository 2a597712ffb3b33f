/**
 * The proxy's settings: the only reader of its environment.
 *
 * Names, forms and defaults are those of Linkerd's proxy, so that any injector can start this one. Every value is
 * checked here, before a port is bound: {@link readConfig} throws one "invalid-argument" error that names each bad
 * variable. Times are milliseconds.
 */
import { MeshError } from "#lib/errors.ts";
import type { Cidr } from "#lib/net-addr.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import { assertIdentity, type Identity } from "#model/identity.ts";
import { defaultPolicies, type DefaultPolicyName } from "#model/default-policy.ts";
import type { PortRange } from "#lib/port-list.ts";
import { workerCount } from "./workers/count.ts";
import type { TracingConfig } from "./tracing/tracing-config.ts";
import { Env, type EnvMap, type HostPort } from "./env.ts";

/** Exit code for settings that can't be used (EX_USAGE of sysexits.h), as Linkerd's proxy has it. */
export const badConfigExitCode = 64;

/** One of the control plane's services. */
export interface ControlService {
  readonly addr: HostPort;
  /** Who must answer; null means plaintext, which is only used for "localhost". */
  readonly identity: Identity | null;
}

/** What both directions have. */
export interface DirectionConfig {
  /** Default 10 s. */
  readonly detectTimeout: number;
  readonly connectTimeout: number;
  /** Between attempts to connect to an endpoint that failed. */
  readonly connectBackoff: { readonly min: number; readonly max: number; readonly jitter: number };
  /** How long what was discovered is kept after its last use. */
  readonly discoveryIdleTimeout: number;
  /** Requests that wait for an endpoint. Default 10,000. */
  readonly queueCapacity: number;
  /** How long none may be ready before requests fail at once. */
  readonly failfastTimeout: number;
  /** Default 100,000. */
  readonly maxInFlight: number;
  /** Default 3 s. */
  readonly poolIdleTimeout: number;
  /** TCP keep-alive on accepted and on made connections; 0 is off. */
  readonly acceptKeepAlive: number;
  readonly connectKeepAlive: number;
  /** TCP_USER_TIMEOUT (tcp(7)); 0 leaves the kernel's default. */
  readonly acceptUserTimeout: number;
  readonly connectUserTimeout: number;
}

export interface InboundConfig extends DirectionConfig {
  readonly listen: SocketAddr;
  /** The pod's own addresses; empty means that any address is ours. */
  readonly ips: readonly string[];
  /** The application's ports whose policy is asked for at the start. */
  readonly ports: readonly number[];
  /** Ports without protocol detection. */
  readonly opaquePorts: readonly PortRange[];
  /** Ports that refuse clients without a mesh identity, whatever the policy says. */
  readonly requireIdentityPorts: readonly PortRange[];
  readonly requireTlsPorts: readonly PortRange[];
  readonly gatewaySuffixes: readonly string[];
  readonly defaultPolicy: DefaultPolicyName;
  /** Which clients count as inside for the cluster-… policies. */
  readonly clusterNetworks: readonly Cidr[];
  /** "apache", "json" or null for none. */
  readonly accessLog: "apache" | "json" | null;
}

export interface OutboundConfig extends DirectionConfig {
  /** At least one. */
  readonly listen: readonly SocketAddr[];
  /** TCP connections that wait for an endpoint, and for how long. */
  readonly tcpQueueCapacity: number;
  readonly tcpFailfastTimeout: number;
  readonly maxIdlePerEndpoint: number;
  /** Whether error answers carry l5d-proxy-error and l5d-proxy-connection. */
  readonly informationalHeaders: boolean;
  /** Whether requests of HTTP/1 go by HTTP/2 between proxies. Our own setting; docs/protocols.md says when it pays. */
  readonly upgradeHttp1: boolean;
  /** Whether metrics of routes say which name a request asked for. Default: no. */
  readonly hostnameLabels: boolean;
  /** The logical destination comes from Host or l5d-dst-override. */
  readonly ingressMode: boolean;
  /** Addresses outside of these are not looked up; empty looks up all. */
  readonly profileNetworks: readonly Cidr[];
  /** How long a new connection waits for its destination's profile before it goes to the plain address. */
  readonly profileTimeout: number;
}

export interface IdentityConfig {
  readonly name: Identity;
  /** Holds key.p8 and csr.der, or takes them. */
  readonly dir: string;
  readonly trustAnchorsPem: string;
  readonly tokenFile: string;
  readonly service: ControlService;
  /** Bounds of the time between renewals. */
  readonly minRefresh: number;
  readonly maxRefresh: number;
}

export interface ControlConfig {
  readonly destination: ControlService;
  /** Null: the default policy applies everywhere. */
  readonly policy: ControlService | null;
  /** Opaque to us: tells the control plane who asks. */
  readonly destinationContext: string;
  readonly policyWorkload: string;
  readonly connectTimeout: number;
  /** First message of a stream; then the time without a message, and the longest life, after which it is renewed. */
  readonly streamInitialTimeout: number;
  readonly streamIdleTimeout: number;
  readonly streamLifetime: number;
  readonly backoff: { readonly min: number; readonly max: number; readonly jitter: number };
  readonly dnsMinTtl: number;
  readonly dnsMaxTtl: number;
}

export interface TapConfig {
  /** Default 0.0.0.0:4190. */
  readonly listen: SocketAddr;
  /** The identities that may tap. */
  readonly clients: readonly Identity[];
}

export interface ProxyConfig {
  readonly log: { readonly filter: string; readonly format: "plain" | "json" };
  readonly admin: { readonly listen: SocketAddr; readonly shutdownEndpoint: boolean };
  readonly inbound: InboundConfig;
  readonly outbound: OutboundConfig;
  /** Null: no mutual TLS, everything is plaintext. */
  readonly identity: IdentityConfig | null;
  /** Null: nobody may look into live requests. */
  readonly tap: TapConfig | null;
  /** Null: no spans. */
  readonly tracing: TracingConfig | null;
  readonly control: ControlConfig;
  /**
   * SO_MARK of every connection that is made, by which the interception rules tell the proxy apart where it can't have a
   * user of its own (a user namespace with one user). 0: none, the default. Needs CAP_NET_RAW. Our own extension.
   */
  readonly socketMark: number;
  /** Processes that carry traffic, from LINKERD2_PROXY_CORES…; default 1. */
  readonly workers: number;
  /** How long a draining process may take. Default 2 min. */
  readonly shutdownGracePeriod: number;
  /** How long a metric series without change is kept. Default 10 min. */
  readonly metricsRetainIdle: number;
  /** Variables of our prefix that mean nothing to this version. */
  readonly unknown: readonly string[];
}

const day = 86_400_000;
const privateNetworks = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fd00::/8";

/** Reads and checks everything. */
export function readConfig(map: EnvMap): ProxyConfig {
  const env = new Env(map, "LINKERD2_PROXY_");
  const identity = readIdentity(env);
  const config: ProxyConfig = {
    log: {
      filter: env.text("LOG", "warn,linkerd=info"),
      format: env.oneOf("LOG_FORMAT", ["plain", "json"], "plain"),
    },
    admin: {
      listen: env.listenAddr("ADMIN_LISTEN_ADDR", "127.0.0.1:4191"),
      shutdownEndpoint: env.flag("SHUTDOWN_ENDPOINT_ENABLED"),
    },
    inbound: readInbound(env),
    outbound: readOutbound(env),
    identity,
    tap: readTap(env, identity !== null),
    tracing: readTracing(env, identity !== null),
    control: readControl(env, identity !== null),
    socketMark: env.count("SOCKET_MARK", 0),
    workers: readWorkers(env),
    shutdownGracePeriod: env.duration("SHUTDOWN_GRACE_PERIOD", 120_000),
    metricsRetainIdle: env.duration("METRICS_RETAIN_IDLE", 600_000),
    unknown: markWithoutEffect(env),
  };
  if (env.problems.length > 0) throw new MeshError("invalid-argument", env.problems.join("\n"));
  return config;
}

function readInbound(env: Env): InboundConfig {
  const ports = env.ports("INBOUND_PORTS").flatMap(({ from, to }) => {
    // A range would make us ask for each of its ports; nobody declares that many, so a bound keeps it harmless.
    return Array.from({ length: Math.min(to - from + 1, 256) }, (_, index) => from + index);
  });
  const accessLog = env.oneOf("ACCESS_LOG", ["apache", "json", "none"], "none");
  return {
    ...readDirection(env, "INBOUND", { connect: 300, backoffMax: 10_000, idle: 90_000, failfast: 1000 }),
    listen: env.listenAddr("INBOUND_LISTEN_ADDR", "0.0.0.0:4143"),
    ips: env.ips("INBOUND_IPS"),
    ports,
    opaquePorts: env.ports("INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION"),
    requireIdentityPorts: env.ports("INBOUND_PORTS_REQUIRE_IDENTITY"),
    requireTlsPorts: env.ports("INBOUND_PORTS_REQUIRE_TLS"),
    gatewaySuffixes: env.list("INBOUND_GATEWAY_SUFFIXES"),
    defaultPolicy: env.oneOf("INBOUND_DEFAULT_POLICY", defaultPolicies, "all-unauthenticated"),
    clusterNetworks: env.cidrs("POLICY_CLUSTER_NETWORKS", privateNetworks),
    accessLog: accessLog === "none" ? null : accessLog,
  };
}

function readOutbound(env: Env): OutboundConfig {
  const ingressMode = env.flag("INGRESS_MODE");
  const failfast = 3000;
  return {
    ...readDirection(env, "OUTBOUND", { connect: 1000, backoffMax: 60_000, idle: 5000, failfast }),
    // The plural form came later and wins; the injector sets both for a while.
    listen: env.listenAddrs("OUTBOUND_LISTEN_ADDRS", env.text("OUTBOUND_LISTEN_ADDR", "127.0.0.1:4140")),
    tcpQueueCapacity: env.count("OUTBOUND_TCP_QUEUE_CAPACITY", 10_000, 1),
    tcpFailfastTimeout: env.duration("OUTBOUND_TCP_FAILFAST_TIMEOUT", failfast),
    maxIdlePerEndpoint: env.count("OUTBOUND_MAX_IDLE_CONNS_PER_ENDPOINT", 10_000),
    informationalHeaders: !env.flag("OUTBOUND_DISABLE_INFORMATIONAL_HEADERS") && !ingressMode,
    upgradeHttp1: env.flag("OUTBOUND_HTTP1_UPGRADE"),
    hostnameLabels: env.flag("OUTBOUND_METRICS_HOSTNAME_LABELS"),
    ingressMode,
    profileNetworks: env.cidrs("DESTINATION_PROFILE_NETWORKS"),
    profileTimeout: env.duration("DESTINATION_PROFILE_INITIAL_TIMEOUT", 500),
  };
}

interface DirectionDefaults {
  readonly connect: number;
  readonly backoffMax: number;
  readonly idle: number;
  readonly failfast: number;
}

function readDirection(env: Env, side: "INBOUND" | "OUTBOUND", defaults: DirectionDefaults): DirectionConfig {
  return {
    detectTimeout: env.duration(`${side}_DETECT_TIMEOUT`, 10_000),
    connectTimeout: env.duration(`${side}_CONNECT_TIMEOUT`, defaults.connect),
    connectBackoff: { min: 100, max: defaults.backoffMax, jitter: 0.1 },
    discoveryIdleTimeout: env.duration(`${side}_DISCOVERY_IDLE_TIMEOUT`, defaults.idle),
    queueCapacity: env.count(`${side}_HTTP_QUEUE_CAPACITY`, 10_000, 1),
    failfastTimeout: env.duration(`${side}_HTTP_FAILFAST_TIMEOUT`, defaults.failfast),
    maxInFlight: env.count(`${side}_MAX_IN_FLIGHT`, 100_000, 1),
    poolIdleTimeout: env.duration(`${side}_HTTP1_CONNECTION_POOL_IDLE_TIMEOUT`, 3000),
    acceptKeepAlive: env.duration(`${side}_ACCEPT_KEEPALIVE`, 10_000),
    connectKeepAlive: env.duration(`${side}_CONNECT_KEEPALIVE`, 10_000),
    acceptUserTimeout: env.duration(`${side}_ACCEPT_USER_TIMEOUT`, 30_000),
    connectUserTimeout: env.duration(`${side}_CONNECT_USER_TIMEOUT`, 30_000),
  };
}

function readIdentity(env: Env): IdentityConfig | null {
  const names = [
    "IDENTITY_DIR",
    "IDENTITY_LOCAL_NAME",
    "IDENTITY_TRUST_ANCHORS",
    "IDENTITY_TOKEN_FILE",
    "IDENTITY_SVC_ADDR",
  ];
  if (!names.map((name) => env.has(name)).includes(true)) return null;
  const why = "all of the identity settings are needed for mutual TLS, or none of them to go without";
  const trustAnchorsPem = env.required("IDENTITY_TRUST_ANCHORS", why);
  if (trustAnchorsPem !== "" && !trustAnchorsPem.includes("-----BEGIN CERTIFICATE-----")) {
    env.problems.push("LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS holds no certificate in PEM form");
  }
  env.required("IDENTITY_SVC_ADDR", why);
  return {
    name: readName(env, "IDENTITY_LOCAL_NAME", why) ?? "",
    dir: env.required("IDENTITY_DIR", why),
    trustAnchorsPem,
    tokenFile: env.required("IDENTITY_TOKEN_FILE", why),
    service: readService(env, "IDENTITY", true) ?? nowhere,
    minRefresh: env.duration("IDENTITY_MIN_REFRESH", 10_000),
    maxRefresh: env.duration("IDENTITY_MAX_REFRESH", day),
  };
}

/** Stands in for an address whose absence is already among the problems. */
const nowhere: ControlService = { addr: { host: "", port: 0 }, identity: null };

function readName(env: Env, name: string, why: string | null): Identity | null {
  const text = why === null ? env.text(name) : env.required(name, why);
  if (text === null || text === "") return null;
  try {
    return assertIdentity(text);
  } catch {
    env.problems.push(`LINKERD2_PROXY_${name}="${text}" is not a lower-case DNS name of at most 253 characters`);
    return null;
  }
}

/** `withIdentity`: whether we have one, so that mutual TLS is possible at all. */
function readService(
  env: Env,
  service: "DESTINATION" | "POLICY" | "IDENTITY" | "TRACE_COLLECTOR",
  withIdentity: boolean,
): ControlService | null {
  const addr = env.hostPort(`${service}_SVC_ADDR`);
  const name = readName(env, `${service}_SVC_NAME`, null);
  if (addr === null) return null;
  const local = /^(localhost\.?|127\.\d+\.\d+\.\d+|::1)$/.test(addr.host);
  if (local || !withIdentity) return { addr, identity: null };
  if (name === null) {
    env.problems.push(
      `LINKERD2_PROXY_${service}_SVC_NAME is not set: "${addr.host}" is another machine, so the name in its certificate must be known`,
    );
  }
  return { addr, identity: name };
}

function readTap(env: Env, withIdentity: boolean): TapConfig | null {
  const listen = env.listenAddr("CONTROL_LISTEN_ADDR", "0.0.0.0:4190");
  const clients = env.list("TAP_SVC_NAME").flatMap((name) => {
    try {
      return [assertIdentity(name)];
    } catch {
      env.problems.push(`LINKERD2_PROXY_TAP_SVC_NAME: "${name}" is not a lower-case DNS name`);
      return [];
    }
  });
  // Without mutual TLS nobody can prove that they may.
  return withIdentity && clients.length > 0 ? { listen, clients } : null;
}

function readTracing(env: Env, withIdentity: boolean): TracingConfig | null {
  const protocol = env.text("TRACE_PROTOCOL", "opentelemetry");
  const labelsFile = env.text("TRACE_ATTRIBUTES_PATH", "");
  const annotationsFile = env.text("TRACE_ANNOTATIONS_PATH", "");
  const lines = env.text("TRACE_EXTRA_ATTRIBUTES", "").split("\n");
  const ratio = env.text("TRACE_START_RATIO", "0");
  const startRatio = Number(ratio);
  if (!(startRatio >= 0 && startRatio <= 1))
    env.problems.push(`LINKERD2_PROXY_TRACE_START_RATIO="${ratio}" is not a number from 0 to 1`);
  const serviceName = env.text("TRACE_SERVICE_NAME", "linkerd-proxy");
  const collector = readService(env, "TRACE_COLLECTOR", withIdentity);
  if (collector === null) return null;
  if (protocol !== "opentelemetry")
    env.problems.push(`LINKERD2_PROXY_TRACE_PROTOCOL="${protocol}" is not known: it must be "opentelemetry"`);
  const attributes = lines.flatMap((line): Array<readonly [string, string]> => {
    const at = line.indexOf("=");
    return at < 1 ? [] : [[line.slice(0, at).trim(), line.slice(at + 1).trim()]];
  });
  return { collector, serviceName, attributes, labelsFile, annotationsFile, startRatio };
}

function readControl(env: Env, withIdentity: boolean): ControlConfig {
  env.required("DESTINATION_SVC_ADDR", "the proxy asks this address where destinations are");
  return {
    destination: readService(env, "DESTINATION", withIdentity) ?? nowhere,
    policy: readService(env, "POLICY", withIdentity),
    destinationContext: env.text("DESTINATION_CONTEXT", ""),
    policyWorkload: env.text("POLICY_WORKLOAD", ""),
    connectTimeout: env.duration("CONTROL_CONNECT_TIMEOUT", 1000),
    streamInitialTimeout: env.duration("CONTROL_STREAM_INITIAL_TIMEOUT", 3000),
    streamIdleTimeout: env.duration("CONTROL_STREAM_IDLE_TIMEOUT", 300_000),
    streamLifetime: env.duration("CONTROL_STREAM_LIFETIME", 3_600_000),
    // Whoever comes back late balances over pods that a rollout has replaced meanwhile; the jitter keeps proxies apart.
    backoff: { min: 100, max: 2000, jitter: 0.5 },
    dnsMinTtl: env.duration("DNS_MIN_TTL", 5000),
    dnsMaxTtl: env.duration("DNS_MAX_TTL", 300_000),
  };
}

function readWorkers(env: Env): number {
  const optional = (name: string): number | null => {
    const value = env.count(name, 0);
    return value === 0 ? null : value;
  };
  const older = optional("CORES");
  const settings = {
    min: optional("CORES_MIN") ?? older ?? 1,
    max: optional("CORES_MAX"),
    maxRatio: env.ratio("CORES_MAX_RATIO"),
  };
  return workerCount(settings, navigator.hardwareConcurrency);
}

/** Names that Linkerd's injector sets and that change nothing here; whatever is left is unknown. */
function markWithoutEffect(env: Env): string[] {
  env.ignore("DESTINATION_PROFILE_SUFFIXES");
  env.ignore("HTTP2_INITIAL_STREAM_WINDOW_SIZE", "HTTP2_INITIAL_CONNECTION_WINDOW_SIZE");
  env.ignore("INBOUND_METRICS_AUTHORITY_LABELS");
  for (const side of ["INBOUND", "OUTBOUND"]) {
    env.ignore(`${side}_TCP_LISTEN_BACKLOG`);
    env.ignore(`${side}_SERVER_HTTP2_KEEP_ALIVE_INTERVAL`, `${side}_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT`);
  }
  return env.unknown();
}
