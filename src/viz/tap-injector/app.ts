/** Wires the tap injector: namespaces and our certificate → the webhook. */
import type { Clock } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import { serveAdmin } from "#lib/admin-server.ts";
import { Registry } from "#lib/metrics/registry.ts";
import type { Random } from "#lib/random.ts";
import { Watchable } from "#lib/watchable.ts";
import type { KubeClient } from "#kube/client.ts";
import { tlsFilesIn, watchKeyPairFiles } from "#kube/key-pair-files.ts";
import { resources } from "#kube/resource.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import { watchResource } from "#kube/watch.ts";
import { serveWebhook } from "#kube/webhook.ts";
import { ByName } from "../tap/tap-pods.ts";
import type { TapInjectorConfig } from "./config.ts";
import { decideTap } from "./decide.ts";

export interface TapInjectorDependencies {
  readonly config: TapInjectorConfig;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface RunningTapInjector {
  readonly port: number;
  readonly adminPort: number;
  stop(): Promise<void>;
}

export function startTapInjector({ config, client, clock, random, log }: TapInjectorDependencies): RunningTapInjector {
  const registry = new Registry();
  const decided = registry.counter(
    "tap_injector_decisions_total",
    "Pods that were created, and whether tap may look into them",
  );
  const stop = new AbortController();
  const namespaces = new ByName<KubeObject>(() => {});
  const watch = watchResource<KubeObject>(client, { resource: resources.namespaces, metadataOnly: true }, namespaces, {
    clock,
    random,
    log: log.child("namespaces"),
    signal: stop.signal,
    decode: ({ metadata: { name, annotations = {} } }) => ({ metadata: { name, annotations } }),
  });
  const webhook = serveWebhook({
    port: config.port,
    certificate: watchKeyPairFiles(tlsFilesIn(config.tlsDirectory), { clock, log, signal: stop.signal }),
    log,
    routes: {
      "/": (request) => {
        const namespace = namespaces.all.get(`/${request.namespace ?? ""}`)?.metadata.annotations ?? {};
        const decision = decideTap(request, namespace, config.tapName);
        decided.cell({ tap: decision.allowed && decision.patch !== undefined ? "enabled" : "unchanged" }).value++;
        return decision;
      },
    },
  });
  const ready = new Watchable(false);
  const look = (): void => ready.set(webhook.serving.get() && watch.listed.get());
  watch.listed.watch(look);
  webhook.serving.watch(look);
  look();
  const admin = serveAdmin({ ip: "::", port: config.adminPort, registry, ready });
  return {
    get port() {
      return webhook.port;
    },
    adminPort: admin.port,
    async stop() {
      stop.abort();
      watch.stop();
      await Promise.all([webhook.stop(), admin.stop(), watch.ended]);
    },
  };
}
