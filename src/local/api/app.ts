/** Wires the API server: store → registry → in-process client and HTTPS server. */
import type { Clock } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { Store } from "../store/store.ts";
import { Aggregator, type FrontProxyCredentials } from "./aggregation.ts";
import { createAdmission } from "./admission/chain.ts";
import { admitServiceAccount } from "./admission/service-account.ts";
import { endpointDial } from "./admission/webhook-call.ts";
import type { ServiceDial } from "./admission/webhook-call.ts";
import { runMutating, runValidating } from "./admission/webhooks.ts";
import { Authenticator } from "./auth/authenticator.ts";
import { bootstrapObjects } from "./auth/bootstrap.ts";
import { Authorizer } from "./auth/rbac.ts";
import { TokenIssuer } from "./auth/token-issuer.ts";
import { builtinResources, refusedResources } from "./builtin.ts";
import { Catalog } from "./catalog.ts";
import type { LocalClient } from "./client.ts";
import type { User } from "./context.ts";
import { serveCustomResources } from "./custom/custom-resources.ts";
import type { NodeExecutor } from "./executor.ts";
import { collectGarbage } from "./garbage.ts";
import { Handler } from "./http/handler.ts";
import { adoptListener, serveHttps } from "./http/server.ts";
import type { ApiListener, ServerCredentials } from "./http/server.ts";
import { createLocalClient } from "./in-process-client.ts";
import { ServiceAddresses } from "./kinds/service-address.ts";
import type { Parts } from "./parts.ts";
import { Registry } from "./registry.ts";
import { builtinTypes } from "./schema/builtin-types.ts";
import { isStatus } from "./status-error.ts";

export interface ApiOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** The P-256 private key that signs ServiceAccount tokens, PEM. */
  readonly tokenKeyPem: string;
  /** Token → user, for kubeconfigs. An administrator's user has the group "system:masters". Default none. */
  readonly staticTokens?: ReadonlyMap<string, User>;
  /** Where ClusterIPs come from. Default "10.96.0.0/12"; its first 256 addresses go only to Services that name theirs. */
  readonly serviceNetwork?: string;
  /** How webhooks named by a Service are reached. Default: a ready endpoint's own address, from EndpointSlices. */
  readonly dialService?: ServiceDial;
  /** The issuer and default audience of tokens. Default "https://kubernetes.default.svc.cluster.local". */
  readonly issuer?: string;
  /** By which servers of APIServices know us. Default: none are asked. */
  readonly frontProxy?: FrontProxyCredentials;
}

export interface Api {
  readonly client: LocalClient;
  /** Serves HTTPS on an address in this process's network; port 0 takes a free one. Throws "address-in-use". */
  listen(address: { readonly ip: string; readonly port: number }, credentials: ServerCredentials): ApiListener;
  /** Serves connections of an inherited listening descriptor too, through a listener made by {@link listen}. */
  adopt(fd: number, target: ApiListener): { close(): void };
  /** Tells who runs pods: needed for logs, exec and port-forward. */
  setExecutor(executor: NodeExecutor): void;
}

/** Creates the API server over a store and fills in what every cluster has (namespaces, default roles). */
export async function createApi(options: ApiOptions): Promise<Api> {
  const { store, clock, log } = options;
  const types = builtinTypes();
  const catalog = new Catalog(builtinResources(types), refusedResources);
  const tokens = new TokenIssuer({
    keyPem: options.tokenKeyPem,
    issuer: options.issuer ?? "https://kubernetes.default.svc.cluster.local",
    clock,
  });
  serveCustomResources(store, catalog, types);
  const addresses = new ServiceAddresses(store, options.serviceNetwork ?? "10.96.0.0/12");
  const dial = options.dialService ?? endpointDial(store);
  const webhooks = { store, log: log.child("admission"), dial };
  const admission = createAdmission({
    builtin: [admitServiceAccount(store, Math.random)],
    mutate: (request) => runMutating(webhooks, request),
    validate: (request) => runValidating(webhooks, request),
    allocate(info, object, previous) {
      if (info.key === "services") addresses.allocate(object, previous);
    },
  });
  const registry = new Registry({ store, clock, admission, random: Math.random });
  const client = createLocalClient({ store, catalog, registry, types, tokens });
  await bootstrap(client);
  collectGarbage({ store, catalog, registry, log: log.child("garbage") });

  const { frontProxy } = options;
  const aggregator =
    frontProxy === undefined
      ? null
      : new Aggregator({ store, client, dial, credentials: frontProxy, clock, log: log.child("aggregation") });
  await aggregator?.start();

  let executor: NodeExecutor | null = null;
  const parts: Parts = {
    store,
    clock,
    log,
    types,
    catalog,
    registry,
    tokens,
    authenticator: new Authenticator({ store, tokens, staticTokens: options.staticTokens ?? new Map() }),
    authorizer: new Authorizer(store),
    executor: () => executor,
    aggregator,
  };
  const handler = new Handler(parts);
  return {
    client,
    listen: (address, credentials) => serveHttps(handler, address, credentials),
    adopt: (fd, target) => adoptListener(fd, target, log),
    setExecutor(given) {
      executor = given;
    },
  };
}

async function bootstrap(client: LocalClient): Promise<void> {
  for (const [ref, object] of bootstrapObjects) {
    try {
      await client.create(ref, object);
    } catch (thrown) {
      // A store that outlived its process has them already, perhaps changed on purpose.
      if (!isStatus(thrown, "AlreadyExists")) throw thrown;
    }
  }
}
