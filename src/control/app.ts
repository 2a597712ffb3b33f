/**
 * Wires the destination and policy programs:
 *
 *   watches (kube) ─→ index ─→ destination, policy ─→ api (gRPC)      admin: /ready once every watch has listed
 */
import { createRpcServer } from "#rpc/server.ts";
import type { ServiceRoutes } from "#rpc/service.ts";
import { KubeClient } from "#kube/client.ts";
import { inClusterAccess, loadClusterAccess } from "#kube/config.ts";
import { EventWriter } from "#kube/events.ts";
import { holdLease } from "#kube/lease.ts";
import { listen } from "#lib/net/listen.ts";
import { until, Watchable } from "#lib/watchable.ts";
import { serveAdmin } from "#lib/admin-server.ts";
import { destinationService } from "./api/destination-service.ts";
import { policyServices } from "./api/policy-service.ts";
import { publishServer, serverOptions } from "./api/server-metrics.ts";
import { destinationConfig, type ListenAddr, policyConfig } from "./config.ts";
import { type ControlContext, type RunningProgram, type StartProgram, webhookFarewell } from "./context.ts";
import { startSliceWriter } from "./external-endpoints/slice-writer.ts";
import { ClusterIndex } from "./index/cluster-index.ts";
import { startSelfCheck } from "./self-check.ts";
import { startStatusWriter } from "./status/status-writer.ts";
import { fetchKeySet } from "./policy/fetch-key-set.ts";
import { type KeySetFetcher, startKeySetFetcher } from "./policy/key-set-fetcher.ts";
import { servePolicyWebhook } from "./policy/webhook.ts";
import { indexSources, type IndexSource, policySources, profileSources, startWatches } from "./watches.ts";

export const startDestination: StartProgram = async (context) => {
  const config = destinationConfig(context.args);
  const { settings, http2 } = config;
  const log = context.log.child("api");
  const running = await serve(
    context,
    config,
    (index) => [destinationService({ ...context, index, settings, http2, log })],
    profileSources,
  );
  const { clock, env } = context;
  const sliceLog = context.log.child("external-endpoints");
  const lease = holdLease(running.client, {
    namespace: settings.controlPlaneNamespace,
    name: "linkerd-destination-endpoint-write",
    holder: env["HOSTNAME"] ?? `destination-${context.random.next()}`,
    clock,
    log: sliceLog,
  });
  const writer = startSliceWriter({ ...context, ...running, leader: lease.leader, log: sliceLog });
  return {
    ...running,
    async stop() {
      writer.stop();
      await lease.stop();
      await running.stop();
    },
  };
};

export async function startPolicy(
  context: ControlContext,
): Promise<ServingProgram & { readonly webhookPort: number | null }> {
  const config = policyConfig(context.args);
  const stop = new AbortController();
  // The webhook judges objects by themselves: it need not wait for the cluster to be read.
  const webhook =
    config.webhook === null
      ? null
      : servePolicyWebhook(config.webhook, {
          ...context,
          client: kubeClient(context, config),
          log: context.log.child("webhook"),
          signal: stop.signal,
        });
  const { inbound, outbound } = config;
  let keySets: KeySetFetcher | null = null;
  const log = context.log.child("api");
  if (webhook !== null) context.drain.onDrain(() => context.clock.after(webhookFarewell, context.drain.hold()));
  const running = await serve(
    context,
    config,
    (index) => policyServices({ ...context, index, inbound, outbound, log }),
    policySources,
    async (index) => {
      keySets = startKeySetFetcher({ ...context, index, log: context.log.child("key-sets"), fetchText: fetchKeySet });
      await keySets.settled;
    },
  );
  const { clock, env } = context;
  const statusLog = context.log.child("status");
  const lease = holdLease(running.client, {
    namespace: config.status.namespace,
    name: "policy-controller-write",
    holder: env["HOSTNAME"] ?? `policy-${context.random.next()}`,
    clock,
    log: statusLog,
  });
  const writer = startStatusWriter({
    ...context,
    index: running.index,
    client: running.client,
    events: new EventWriter(running.client, "linkerd-policy-controller", { clock, log: statusLog }),
    leader: lease.leader,
    timeout: config.status.patchTimeout,
    clusterNetworks: outbound.clusterNetworks,
    log: statusLog,
  });
  return {
    ...running,
    webhookPort: webhook?.port ?? null,
    async stop() {
      stop.abort();
      writer.stop();
      keySets?.stop();
      await lease.stop();
      await webhook?.stop();
      await running.stop();
    },
  };
}

/** What both programs are told. */
interface ServeConfig {
  readonly listen: ListenAddr;
  readonly admin: ListenAddr;
  readonly kubeconfig: string;
  readonly queueCapacity: number;
}

/** Addresses once everything listens, for tests that ask for any free port. */
export interface ServingProgram extends RunningProgram {
  readonly port: number;
  readonly adminPort: number;
}

function kubeClient({ env, clock }: ControlContext, { kubeconfig }: Pick<ServeConfig, "kubeconfig">): KubeClient {
  if (kubeconfig === "" && env["KUBERNETES_SERVICE_HOST"] !== undefined) {
    return new KubeClient(inClusterAccess(env, { clock }));
  }
  return new KubeClient(loadClusterAccess({ env, clock, ...(kubeconfig === "" ? {} : { kubeconfig }) }));
}

/** How long changes are gathered before anything is computed, ms: a rolling Deployment brings many at once. */
const gather = 5;
/** How long streams get to hear that the program stops, ms. */
const farewell = 300;

async function serve(
  context: ControlContext,
  config: ServeConfig,
  services: (index: ClusterIndex) => readonly ServiceRoutes[],
  more: (index: ClusterIndex) => readonly IndexSource[] = () => [],
  /** Between reading the cluster and serving. */
  before: (index: ClusterIndex) => Promise<void> = async () => {},
): Promise<ServingProgram & { readonly client: KubeClient; readonly index: ClusterIndex }> {
  const { clock, random, log, registry, drain } = context;
  const client = kubeClient(context, config);
  const index = new ClusterIndex((run) => clock.after(gather, run), log.child("index"));
  const sources = [...indexSources(index), ...more(index)];

  const ready = new Watchable(false);
  const admin = serveAdmin({ ...config.admin, registry, ready });
  log.info("Reading the cluster", { server: client.access.server });
  const watches = startWatches(client, sources, registry, { clock, random, log: log.child("watch") });
  await until(watches.ready, Boolean);
  await before(index);

  const server = createRpcServer({
    services: services(index),
    log: log.child("rpc"),
    clock,
    ...serverOptions(config, registry),
  });
  publishServer(server, index, registry);
  const listener = listen(config.listen, server.accept);
  const check = startSelfCheck(client, sources, registry, { clock, log: log.child("check") });
  ready.set(true);
  log.info("Serving", { port: listener.addr.port, admin: admin.port });

  drain.onDrain(() => {
    ready.set(false);
    listener.close();
    server.drain();
    // The streams end themselves on drain; their last words must get out.
    clock.after(farewell, drain.hold());
  });
  return {
    client,
    index,
    port: listener.addr.port,
    adminPort: admin.port,
    async stop() {
      check.stop();
      listener.close();
      server.close();
      await watches.stop();
      await admin.stop();
    },
  };
}
