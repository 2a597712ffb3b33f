/** Who sent a request: a static token, or a ServiceAccount token whose account (and pod) still exists. */
import { createHash } from "node:crypto";
import type { Store } from "../../store/store.ts";
import type { User } from "../context.ts";
import { StatusError } from "../status-error.ts";
import type { TokenIssuer } from "./token-issuer.ts";

export interface AuthenticatorOptions {
  readonly store: Store;
  readonly tokens: TokenIssuer;
  /** Token → user, for the kubeconfigs that the cluster hands out. */
  readonly staticTokens: ReadonlyMap<string, User>;
}

const authenticated = "system:authenticated";

function digest(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

export class Authenticator {
  private readonly store: Store;
  private readonly tokens: TokenIssuer;
  /** By digest, so that a lookup's time tells nothing about a token. */
  private readonly known: ReadonlyMap<string, User>;

  constructor(options: AuthenticatorOptions) {
    this.store = options.store;
    this.tokens = options.tokens;
    this.known = new Map([...options.staticTokens].map(([token, user]) => [digest(token), user]));
  }

  /** The user behind a token for one of `audiences`, with the audiences that matched; null when it is not valid. */
  review(token: string, audiences: readonly string[]): { user: User; audiences: readonly string[] } | null {
    const found = this.known.get(digest(token));
    if (found !== undefined) return { user: withAuthenticated(found), audiences: [this.tokens.issuer] };
    const claims = this.tokens.verify(token);
    if (claims === null) return null;
    const matched = claims.audiences.filter((audience) => audiences.includes(audience));
    if (matched.length === 0) return null;
    const account = this.store.get("serviceaccounts", claims.namespace, claims.serviceAccount);
    if (account?.metadata.uid !== claims.serviceAccountUid) return null;
    if (claims.pod !== null) {
      const pod = this.store.get("pods", claims.namespace, claims.pod.name);
      if (pod?.metadata.uid !== claims.pod.uid) return null;
    }
    const pod = claims.pod;
    return {
      user: {
        name: `system:serviceaccount:${claims.namespace}:${claims.serviceAccount}`,
        uid: claims.serviceAccountUid,
        groups: ["system:serviceaccounts", `system:serviceaccounts:${claims.namespace}`, authenticated],
        ...(pod === null
          ? {}
          : {
              extra: {
                "authentication.kubernetes.io/pod-name": [pod.name],
                "authentication.kubernetes.io/pod-uid": [pod.uid],
              },
            }),
      },
      audiences: matched,
    };
  }

  /** The user of a request. Throws 401. */
  authenticate(authorization: string | null): User {
    const token = /^Bearer\s+(\S+)$/i.exec(authorization ?? "")?.[1];
    const found = token === undefined ? null : this.review(token, [this.tokens.issuer]);
    if (found === null) throw new StatusError("Unauthorized", "Unauthorized");
    return found.user;
  }
}

function withAuthenticated(user: User): User {
  return user.groups.includes(authenticated) ? user : { ...user, groups: [...user.groups, authenticated] };
}
