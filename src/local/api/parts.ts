/** The pieces of the API server that its HTTP side works with. */
import type { Clock } from "#lib/clock.ts";
import type { Log } from "#lib/log.ts";
import type { Store } from "../store/store.ts";
import type { Aggregator } from "./aggregation.ts";
import type { Authenticator } from "./auth/authenticator.ts";
import type { Authorizer } from "./auth/rbac.ts";
import type { TokenIssuer } from "./auth/token-issuer.ts";
import type { Catalog } from "./catalog.ts";
import type { NodeExecutor } from "./executor.ts";
import type { Registry } from "./registry.ts";
import type { Types } from "./schema/notation.ts";

export interface Parts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly types: Types;
  readonly catalog: Catalog;
  readonly registry: Registry;
  readonly tokens: TokenIssuer;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  /** Null until the node registers: pods' logs and commands are then answered 503. */
  readonly executor: () => NodeExecutor | null;
  /** Null: no APIService is served by others. */
  readonly aggregator: Aggregator | null;
}
