/**
 * Wires the proxy: settings → identity → control plane → discovery and policy → the two stacks → listeners, and the
 * admin port beside them. Nothing here runs per connection.
 */
import type { BackoffOptions } from "#lib/backoff.ts";
import type { Clock } from "#lib/clock.ts";
import { Drain } from "#lib/drain.ts";
import { MeshError } from "#lib/errors.ts";
import { createLog, type LogSink } from "#lib/log.ts";
import { registerProcessMetrics } from "#lib/metrics/process.ts";
import { Registry } from "#lib/metrics/registry.ts";
import { connect } from "#lib/net/connect.ts";
import { ConnectionLimit } from "#lib/net/listen.ts";
import { Resolver } from "#lib/net/resolve.ts";
import type { Listener, Socket, SocketAddr } from "#lib/net/socket.ts";
import { createTlsContext, type ClientTls, type TlsContext } from "#lib/net/tls.ts";
import type { Random } from "#lib/random.ts";
import { version } from "#lib/version.ts";
import type { RpcClient } from "#rpc/client.ts";
import { startAdmin } from "./admin/admin.ts";
import { adminRoutes, type AdminSiblings } from "./admin/routes.ts";
import type { ControlService, DirectionConfig, IdentityConfig, ProxyConfig } from "./config.ts";
import { Backends } from "./discovery/backends.ts";
import {
  certifyBy,
  countedResolver,
  ControlMetrics,
  ControlStreams,
  createControlClient,
} from "./discovery/control-clients.ts";
import { InboundDiscovery } from "./discovery/inbound-discovery.ts";
import { OutboundDiscovery } from "./discovery/outbound-discovery.ts";
import { followTrustAnchors, watchAnchors } from "./discovery/trust-anchors.ts";
import type { WatchStreamOptions } from "./discovery/watch-stream.ts";
import { createErrorResponder } from "./errors/responder.ts";
import { openAnchorStore } from "./identity/anchor-store.ts";
import { IdentityClient, readTokenFile } from "./identity/identity-client.ts";
import { openKeyStore } from "./identity/key-store.ts";
import type { AccessLog } from "./inbound/ports.ts";
import { TrustRoots } from "./identity/trust-roots.ts";
import { RequestWatchers } from "./http/request-watch.ts";
import { createInboundStack } from "./inbound/stack.ts";
import { acceptConnections } from "./listen/accept.ts";
import { createOutboundStack } from "./outbound/stack.ts";
import { PolicyMetrics } from "./policy/policy-metrics.ts";
import { BalancerMetrics } from "./telemetry/balancer-metrics.ts";
import { DetectMetrics } from "./telemetry/detect-metrics.ts";
import { HttpMetrics } from "./telemetry/http-metrics.ts";
import { registerHttp2Metrics } from "./telemetry/http2-metrics.ts";
import { registerIdentityMetrics, registerTrustMetrics } from "./telemetry/identity-metrics.ts";
import { InboundRouteMetrics } from "./telemetry/inbound-route-metrics.ts";
import { serverTlsLabels, targetLabels } from "./telemetry/labels.ts";
import { watchEventLoop } from "./telemetry/loop-metrics.ts";
import { RouteMetrics, registerReplayMetrics } from "./telemetry/route-metrics.ts";
import { transportHeaders } from "./telemetry/transport-headers.ts";
import { TransportMetrics } from "./telemetry/transport-metrics.ts";
import type { StartTap } from "./tap/tap-server.ts";
import type { StartTracing } from "./tracing/tracing.ts";
import { MeshTls } from "./tls/mesh-tls.ts";

/** What is not a setting: the machine, and what tests put in its place. */
export interface ProxyContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly sink: LogSink;
  /** Settings for /env.json. */
  readonly env: Readonly<Record<string, string>>;
  /** Connections at a time over all listeners. */
  readonly maxConnections: number;
  /** More than one process carries traffic; null: this is the only one. `siblings` null: it is not the first one, which has the admin port. */
  readonly workers?: { readonly count: number; readonly siblings: AdminSiblings | null } | null;
  /** Where an accepted connection wanted to go. Default: asks the kernel. */
  readonly originalDst?: {
    readonly inbound: (socket: Socket) => SocketAddr | null;
    readonly outbound: (socket: Socket) => SocketAddr | null;
  };
  /** Where the application listens. Default: on the loopback address, at the target's port. */
  readonly appAddress?: (target: SocketAddr) => SocketAddr;
  /** Made by the caller, because only few proxies need the code. Default: none. */
  readonly accessLog?: AccessLog | null;
  readonly startTap?: StartTap | null;
  readonly startTracing?: StartTracing | null;
}

export interface Proxy {
  readonly inbound: SocketAddr;
  readonly outbound: readonly SocketAddr[];
  readonly admin: SocketAddr;
  /** Null: tap is off. */
  readonly tap: SocketAddr | null;
  readonly registry: Registry;
  /** What is still missing before it can serve. */
  notReady(): readonly string[];
  /** Rejects ("invalid-argument", "environment") when the identity directory can't be used. */
  readonly started: Promise<void>;
  /** Resolves when POST /shutdown was called. */
  readonly shutdownAsked: Promise<void>;
  /** Takes nothing new and lets what runs end, for at most the grace period. False when time ran out. */
  drain(): Promise<boolean>;
  /** Stops everything at once. */
  close(): void;
}

/** Binds every port before it returns; throws when one can't be had. */
export function startProxy(config: ProxyConfig, context: ProxyContext): Proxy {
  const { clock, random, sink, workers = null } = context;
  const log = createLog(sink);
  const registry = new Registry({ clock, retain: config.metricsRetainIdle });
  registerProcessMetrics(registry, clock.wall());
  registry
    .gauge("proxy_build_info", "Proxy build info")
    .cell({ version, vendor: "linkerd-ts", profile: "release" }).value = 1;
  const drain = new Drain();
  const closers: Array<() => void> = [];
  let keys: Promise<unknown> = Promise.resolve();
  try {
    return start();
  } catch (error) {
    for (const close of closers.toReversed()) close();
    throw error;
  }

  function start(): Proxy {
    // Identity
    const resolver = new Resolver({ minTtl: config.control.dnsMinTtl, maxTtl: config.control.dnsMaxTtl, clock });
    const mark = config.socketMark === 0 ? {} : { mark: config.socketMark };
    const dial: typeof connect = (options, handler) => connect({ ...options, ...mark }, handler);
    const shared = {
      resolver: countedResolver(resolver, registry),
      clock,
      random,
      registry,
      connectTimeout: config.control.connectTimeout,
      ...mark,
    };
    const controlMetrics = new ControlMetrics(registry, clock);
    const identity = config.identity === null ? null : startIdentity(config.identity);
    const meshTls = identity === null ? null : new MeshTls(identity.credentials, log.child("tls"));
    if (identity !== null) registerIdentityMetrics(registry, identity, clock);

    // Control plane
    const client = (name: "destination" | "policy", service: ControlService): { client: RpcClient; addr: string } => {
      const made = createControlClient({ name, ...service.addr, tls: () => controlTls(service, meshTls) }, shared);
      closers.push(() => made.close());
      return { client: made, addr: `${service.addr.host}:${service.addr.port}` };
    };
    const streams = new ControlStreams({
      metrics: controlMetrics,
      destination: client("destination", config.control.destination),
      policy: config.control.policy === null ? null : client("policy", config.control.policy),
      context: config.control.destinationContext,
      workload: config.control.policyWorkload,
    });
    const stream = controlStream("control", config.control.backoff);

    // Discovery and policy
    const transport = new TransportMetrics(registry);
    const http = new HttpMetrics(registry);
    const balancers = {
      http: new BalancerMetrics(registry, "outbound_http"),
      tcp: new BalancerMetrics(registry, "outbound_tcp"),
      tls: new BalancerMetrics(registry, "outbound_tls"),
    };
    const identityEnabled = identity !== null;
    const backends = new Backends({
      ...config.outbound,
      clock,
      random,
      identityEnabled,
      transport,
      http,
      balancers,
      get: streams.get,
      stream,
    });
    registry.onCollect(() => backends.report());
    const discovery = new OutboundDiscovery({
      ...config.outbound,
      clock,
      random,
      log: log.child("outbound"),
      backends,
      transport,
      http,
      detect: new DetectMetrics(registry, "outbound", log.child("outbound")),
      routes: new RouteMetrics(registry, config.outbound.hostnameLabels),
      protocols: registry.counter(
        "outbound_tcp_protocol_connections_total",
        "Outbound TCP connections by protocol configuration",
      ),
      plan: { identityEnabled, detectTimeout: config.outbound.detectTimeout },
      idleTimeout: config.outbound.discoveryIdleTimeout,
      getProfile: streams.getProfile,
      watchPolicy: streams.watchOutbound,
      stream,
    });
    const policies = new InboundDiscovery({
      ...config.inbound,
      clock,
      log: log.child("inbound"),
      metrics: new PolicyMetrics(registry, {
        transport,
        http,
        detect: new DetectMetrics(registry, "inbound", log.child("inbound")),
        routes: new InboundRouteMetrics(registry),
        targetLabels,
        serverTlsLabels,
      }),
      defaultPolicy: { ...config.inbound, name: config.inbound.defaultPolicy },
      idleTimeout: config.inbound.discoveryIdleTimeout,
      workers: workers?.count ?? 1,
      watchPort: streams.watchPort,
      stream,
    });
    closers.push(
      () => discovery.close(),
      () => policies.close(),
    );

    // Stacks. Ports of our own are added as they are bound.
    const ownPorts = new Set<number>();
    const watchers = new RequestWatchers();
    const common = { clock, drain, watchers, connect: config.socketMark === 0 ? connect : dial, credentials: meshTls };
    const errors = (direction: "inbound" | "outbound", informationalHeaders: boolean) =>
      createErrorResponder({ direction, informationalHeaders, registry, clock, log: log.child(direction) });
    const inbound = createInboundStack({
      ...config.inbound,
      ...common,
      log: log.child("inbound"),
      policies,
      onTransportHeader: transportHeaders(registry),
      accessLog: context.accessLog ?? null,
      errors: errors("inbound", true),
      appAddress: context.appAddress ?? loopback,
      ownPorts,
      gateway:
        config.inbound.gatewaySuffixes.length === 0
          ? null
          : {
              suffixes: config.inbound.gatewaySuffixes,
              accept: (socket, named, onOver) => outbound.acceptNamed(socket, named, onOver),
            },
      maxIdlePerPort: config.outbound.maxIdlePerEndpoint,
    });
    const outbound = createOutboundStack({
      ...config.outbound,
      ...common,
      random,
      credentials: meshTls === null ? null : { client: (peer, alpn) => meshTls.workload(peer, alpn, clock.wall()) },
      log: log.child("outbound"),
      discovery,
      errors: errors("outbound", config.outbound.informationalHeaders),
      dispatchTimeout: config.outbound.failfastTimeout,
    });

    registerHttp2Metrics(registry, "inbound", inbound.http2);
    registerHttp2Metrics(registry, "outbound", outbound.http2);
    closers.push(watchEventLoop(registry, clock, log.child("loop")));
    registerReplayMetrics(registry, outbound.replay);

    // Listeners, admin last: who sees it answer finds the rest bound.
    const limit = new ConnectionLimit(context.maxConnections);
    const refused = registry.counter(
      "proxy_refused_connections_total",
      "Accepted connections that were closed at once",
    );
    const accept = { limit, drain, log: log.child("accept"), ownPorts, shared: workers !== null };
    const onRefuse = (_socket: Socket, reason: string): void => {
      refused.cell({ reason }).value++;
    };
    const inboundListener = acceptConnections(
      {
        ...accept,
        ...accepted(config.inbound),
        addr: config.inbound.listen,
        direct: true,
        allowedIps: config.inbound.ips,
        ...(context.originalDst === undefined ? {} : { destination: context.originalDst.inbound }),
      },
      {
        onAccept: (socket, target) => inbound.accept(socket, target.kind === "redirected" ? target.dst : null),
        onRefuse,
      },
    );
    closers.push(() => inboundListener.close());
    const outboundListeners: Listener[] = [];
    for (const addr of config.outbound.listen) {
      const listener = listenOutbound(addr, outboundListeners.length > 0);
      if (listener === null) continue;
      outboundListeners.push(listener);
      closers.push(() => listener.close());
    }
    const notReady = (): string[] => (identity === null || identity.credentials.get() !== null ? [] : ["identity"]);
    const shutdown = Promise.withResolvers<void>();
    // With several processes the first one has the ports of which a pod has one.
    const first = workers === null || workers.siblings !== null;
    const admin = first ? listenAdmin() : null;
    for (const { addr } of [inboundListener, ...outboundListeners]) ownPorts.add(addr.port);
    // Also where another process has it: an own port is not an application's.
    ownPorts.add(admin?.addr.port ?? config.admin.listen.port);

    const tap = listenTap();
    if (tap !== null) ownPorts.add(tap.addr.port);
    if (config.tracing !== null && context.startTracing) {
      const { collector } = config.tracing;
      const tls = (): ClientTls | "plaintext" | null => controlTls(collector, meshTls);
      const tracing = context.startTracing(config.tracing, { ...shared, watchers, tls, log: log.child("tracing") });
      closers.push(() => tracing.close());
    }

    identity?.start();
    for (const name of config.unknown) log.info("Setting is not known to this version and is ignored", { name });
    if (identity === null) log.warn("No identity is configured, traffic is not encrypted");
    log.info("Proxy started", {
      version,
      inbound: inboundListener.addr.port,
      outbound: outboundListeners.map((listener) => listener.addr.port).join(","),
      admin: admin?.addr.port ?? null,
      identity: config.identity?.name ?? null,
    });
    let closed = false;
    return {
      inbound: inboundListener.addr,
      outbound: outboundListeners.map((listener) => listener.addr),
      admin: admin?.addr ?? config.admin.listen,
      tap: tap?.addr ?? null,
      registry,
      notReady,
      started: keys.then(() => {}),
      shutdownAsked: shutdown.promise,
      async drain() {
        log.info("Draining", { connections: drain.held, grace: `${config.shutdownGracePeriod}ms` });
        const timeUp = new Promise<boolean>((resolve) => {
          clock.after(config.shutdownGracePeriod, () => resolve(false));
        });
        const finished = await Promise.race([drain.start().then(() => true), timeUp]);
        if (!finished) log.warn("Drain took too long, connections are cut", { connections: drain.held });
        return finished;
      },
      close() {
        if (closed) return;
        closed = true;
        for (const close of closers.toReversed()) close();
      },
    };

    function listenAdmin(): Listener {
      const listener = startAdmin({
        listen: config.admin.listen,
        handler: adminRoutes({
          registry,
          sink,
          logFilter: config.log.filter,
          notReady,
          siblings: workers?.siblings ?? null,
          shutdown: config.admin.shutdownEndpoint ? () => shutdown.resolve() : null,
          env: () => context.env,
        }),
        tls: meshTls,
        clock,
        log: log.child("admin"),
      });
      closers.push(() => listener.close());
      return listener;
    }

    function listenTap(): Listener | null {
      // The first process shows its own requests.
      if (config.tap === null || !context.startTap || meshTls === null || !first) return null;
      const listener = context.startTap({
        ...config.tap,
        tls: meshTls,
        watchers,
        registry,
        clock,
        log: log.child("tap"),
      });
      closers.push(() => listener.close());
      return listener;
    }

    /** `spare`: there is another one, so a machine without this address family can do without. */
    function listenOutbound(addr: SocketAddr, spare: boolean): Listener | null {
      try {
        return acceptConnections(
          {
            ...accept,
            ...accepted(config.outbound),
            addr,
            direct: false,
            allowedIps: [],
            ...(context.originalDst === undefined ? {} : { destination: context.originalDst.outbound }),
          },
          {
            onAccept: (socket, target) => {
              if (target.kind === "redirected") outbound.accept(socket, target.dst);
              else socket.terminate();
            },
            onRefuse,
          },
        );
      } catch (error) {
        if (!spare || !(error instanceof MeshError) || error.code === "address-in-use") throw error;
        log.warn(
          "One of the outbound addresses can't be used and is left out",
          { ip: addr.ip, port: addr.port },
          error,
        );
        return null;
      }
    }

    function startIdentity(settings: IdentityConfig): IdentityClient {
      const { service, dir, trustAnchorsPem: configuredPem } = settings;
      const identityLog = log.child("identity");
      const opened = openKeyStore(dir, settings.name, identityLog);
      keys = opened;
      const store = openAnchorStore(dir, configuredPem, identityLog);
      const roots = new TrustRoots({ configuredPem, store, clock, log: identityLog });
      // Nobody has a certificate when it asks for its first one.
      const context = (): TlsContext =>
        createTlsContext({ certPem: null, keyPem: null, caPem: roots.current.get().pem, requestPeer: false });
      let anonymous = context();
      roots.current.watch(() => {
        anonymous = context();
      });
      const tls = (): ClientTls | "plaintext" =>
        service.identity === null
          ? "plaintext"
          : { context: anonymous, serverName: service.identity, verify: { identity: service.identity } };
      const rpc = createControlClient({ name: "identity", ...service.addr, tls }, shared);
      const addr = `${service.addr.host}:${service.addr.port}`;
      const made = new IdentityClient({
        name: settings.name,
        keys: opened,
        roots,
        readToken: () => readTokenFile(settings.tokenFile),
        certify: certifyBy(rpc, addr, controlMetrics),
        limits: { min: settings.minRefresh, max: settings.maxRefresh },
        clock,
        random,
        log: identityLog,
      });
      registerTrustMetrics(registry, roots);
      // A certificate of ours is what a bundle is tried on.
      let anchors: { close(): void } | null = null;
      const stopWaiting = made.credentials.watch(() => {
        stopWaiting();
        anchors = followTrustAnchors(
          watchAnchors(rpc, addr, controlMetrics),
          (anchors) => made.offerAnchors(anchors),
          controlStream("identity", { min: 1000, max: 60_000, jitter: 0.5 }),
        );
      });
      closers.push(() => {
        stopWaiting();
        anchors?.close();
        made.stop();
        roots.stop();
        rpc.close();
      });
      return made;
    }

    function controlStream(target: string, backoff: BackoffOptions): Omit<WatchStreamOptions, "what"> {
      return {
        clock,
        random,
        log: log.child(target),
        backoff,
        initialTimeout: config.control.streamInitialTimeout,
        idleTimeout: config.control.streamIdleTimeout,
        lifetime: config.control.streamLifetime,
      };
    }
  }
}

/** The control plane is asked in plaintext on our own machine, and proves its name everywhere else. */
function controlTls(service: ControlService, meshTls: MeshTls | null): ClientTls | "plaintext" | null {
  if (service.identity === null || meshTls === null) return "plaintext";
  return meshTls.client({ identity: service.identity, serverName: service.identity });
}

function accepted(config: DirectionConfig): { keepAlive?: number; userTimeout?: number } {
  return {
    ...(config.acceptKeepAlive > 0 ? { keepAlive: config.acceptKeepAlive } : {}),
    ...(config.acceptUserTimeout > 0 ? { userTimeout: config.acceptUserTimeout } : {}),
  };
}

function loopback(target: SocketAddr): SocketAddr {
  return { ip: target.ip.includes(":") ? "::1" : "127.0.0.1", port: target.port };
}
