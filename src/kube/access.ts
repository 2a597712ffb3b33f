/** How to reach and convince an API server: what kubeconfig files and the in-cluster mount both boil down to. */

/** A bearer token or a client certificate, whatever the credential source gave last. */
export interface Credentials {
  readonly token?: string;
  /** PEM. */
  readonly certPem?: string;
  /** PEM. */
  readonly keyPem?: string;
}

export interface CredentialSource {
  /** Current credentials; may read a file or run a helper program. Called for every request, so it caches. */
  get(): Promise<Credentials>;
  /** The server answered 401: forget what is cached. Returns false when asking again can't give anything else. */
  invalidate(): boolean;
}

/** Act as somebody else: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation */
export interface Impersonation {
  readonly user: string;
  readonly groups: readonly string[];
}

export interface ClusterAccess {
  /** Base URL without a trailing slash, e.g. "https://10.96.0.1:443". */
  readonly server: string;
  /** PEM bundle that verifies the server; absent: the system's. */
  readonly caPem?: string;
  /** Verify the certificate against this name instead of the URL's host. */
  readonly tlsServerName?: string;
  /** Only from an explicit `insecure-skip-tls-verify`. */
  readonly insecureSkipTlsVerify: boolean;
  readonly proxyUrl?: string;
  readonly credentials: CredentialSource;
  readonly impersonate?: Impersonation;
  /** Where commands work unless told otherwise; default "default". */
  readonly namespace: string;
  /** The context's name, for messages; null in a pod. */
  readonly context: string | null;
}

/** Credentials that never change. */
export function fixedCredentials(credentials: Credentials): CredentialSource {
  return { get: () => Promise.resolve(credentials), invalidate: () => false };
}
