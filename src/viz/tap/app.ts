/** Wires the tap API: pods and Services → sessions; the front proxy's settings and our certificate → the server. */
import type { Clock } from "#lib/clock.ts";
import { asMeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { serveAdmin } from "#lib/admin-server.ts";
import { Registry } from "#lib/metrics/registry.ts";
import type { Random } from "#lib/random.ts";
import { Watchable } from "#lib/watchable.ts";
import type { KubeClient } from "#kube/client.ts";
import { tlsFilesIn, watchKeyPairFiles } from "#kube/key-pair-files.ts";
import { resources } from "#kube/resource.ts";
import type { Pod, Service } from "#kube/types/core.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { watchResource } from "#kube/watch.ts";
import { mayTap } from "./access.ts";
import type { TapApiConfig } from "./config.ts";
import { frontProxyConfigMap, readFrontProxy, type FrontProxy } from "./front-proxy.ts";
import { serveFront } from "./front-server.ts";
import { observeOverNetwork } from "./observe.ts";
import { TapApi } from "./tap-api.ts";
import { ByName, tapPod, TapPods, tapService, type TapPod, type TapService } from "./tap-pods.ts";
import type { OpenObserve } from "./tap-session.ts";

export interface TapApiDependencies {
  readonly config: TapApiConfig;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Default: over the network. */
  readonly open?: OpenObserve;
}

export interface RunningTapApi {
  readonly port: number;
  readonly adminPort: number;
  stop(): Promise<void>;
}

/** ms between looks at the front proxy's settings: once they are known, and before. */
const lookEvery = 60_000;
const firstLooks = 1000;

export function startTapApi({ config, client, clock, random, log, open }: TapApiDependencies): RunningTapApi {
  const registry = new Registry();
  const stop = new AbortController();
  const watched = { clock, random, signal: stop.signal };
  let api: TapApi | null = null;
  const onChange = (): void => api?.changed();
  const pods = new TapPods(onChange);
  const services = new ByName<TapService>(onChange);
  const watches = [
    watchResource<TapPod>(client, { resource: resources.pods }, pods, {
      ...watched,
      log: log.child("pods"),
      decode: (object) => tapPod(object as Pod),
    }),
    watchResource<TapService>(client, { resource: resources.services }, services, {
      ...watched,
      log: log.child("services"),
      decode: (object) => tapService(object as Service),
    }),
  ];
  api = new TapApi({
    pods,
    services: services.all,
    mayTap: (user, resource) => mayTap(client, user, resource),
    open: open ?? observeOverNetwork(clock),
    ignoredHeaders: config.ignoredHeaders,
    registry,
    clock,
    random,
    log,
  });
  const front = followFrontProxy(client, { clock, log, signal: stop.signal });
  const server = serveFront({
    ip: "::",
    port: config.port,
    certificate: watchKeyPairFiles(tlsFilesIn(config.tlsDirectory), { clock, log, signal: stop.signal }),
    front,
    clock,
    log,
    handle: api.handle,
  });
  const ready = new Watchable(false);
  const look = (): void => ready.set(front.get() !== null && watches.every(({ listed }) => listed.get()));
  front.watch(look);
  for (const { listed } of watches) listed.watch(look);
  look();
  const admin = serveAdmin({ ip: "::", port: config.adminPort, registry, ready });
  return {
    port: server.addr.port,
    adminPort: admin.port,
    async stop() {
      stop.abort();
      server.close();
      for (const watch of watches) watch.stop();
      await Promise.all([admin.stop(), ...watches.map(({ ended }) => ended)]);
    },
  };
}

/** Null until the API server told them. Rights are for this one object, so it is read and not watched. */
function followFrontProxy(
  client: KubeClient,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Watchable<FrontProxy | null> {
  const front = new Watchable<FrontProxy | null>(null);
  let last = "";
  const look = async (): Promise<void> => {
    try {
      const { name, namespace } = frontProxyConfigMap;
      const map = await client.get<KubeObject & { readonly data?: Readonly<Record<string, string>> }>(
        resources.configMaps,
        name,
        namespace,
      );
      const text = JSON.stringify(map.data ?? {});
      if (text !== last) front.set(readFrontProxy(map.data ?? {}));
      last = text;
    } catch (thrown) {
      log.warn("Who the API server is, can't be told", {}, asMeshError(thrown, "Reading its settings failed"));
    }
    if (!signal.aborted) clock.after(front.get() === null ? firstLooks : lookEvery, () => void look());
  };
  void look();
  return front;
}
