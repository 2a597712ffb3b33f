/** Wires the API server: store → registry → in-process client and HTTPS server. */
import type { Clock } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { Store } from "../store/store.ts";
import { createAdmission } from "./admission/chain.ts";
import { TokenIssuer } from "./auth/token-issuer.ts";
import { builtinResources, refusedResources } from "./builtin.ts";
import { Catalog } from "./catalog.ts";
import type { LocalClient } from "./client.ts";
import { createLocalClient } from "./in-process-client.ts";
import { Registry } from "./registry.ts";
import { builtinTypes } from "./schema/builtin-types.ts";

export interface ApiOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** The P-256 private key that signs ServiceAccount tokens, PEM. */
  readonly tokenKeyPem: string;
  /** Default "https://kubernetes.default.svc.cluster.local". */
  readonly issuer?: string;
}

export interface Api {
  readonly client: LocalClient;
}

export function createApi(options: ApiOptions): Api {
  const { store, clock } = options;
  const types = builtinTypes();
  const catalog = new Catalog(builtinResources(types), refusedResources);
  const tokens = new TokenIssuer({
    keyPem: options.tokenKeyPem,
    issuer: options.issuer ?? "https://kubernetes.default.svc.cluster.local",
    clock,
  });
  const admission = createAdmission({
    builtin: [],
    mutate: async () => false,
    validate: async () => {},
    allocate: () => {},
  });
  const registry = new Registry({ store, clock, admission, random: Math.random });
  return { client: createLocalClient({ store, catalog, registry, types, tokens }) };
}
