import type { Identity } from "#model/identity.ts";

/** Everything that this workload proves itself with and checks others by, at one moment. */
export interface Credentials {
  readonly name: Identity;
  /** Leaf first, then the intermediates. */
  readonly chainPem: string;
  /** PKCS#8. A secret. */
  readonly keyPem: string;
  /** Trust anchors. */
  readonly anchorsPem: string;
  /** ms since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** What the identity service is asked. */
export interface CertifyRequest {
  readonly identity: Identity;
  /** The ServiceAccount token, read anew each time. A secret. */
  readonly token: Uint8Array;
  /** Certificate signing request, DER. */
  readonly csr: Uint8Array;
}

/** What it answers. */
export interface CertifyResponse {
  /** DER. */
  readonly leaf: Uint8Array;
  /** DER, issuer of the leaf first. */
  readonly intermediates: readonly Uint8Array[];
  /** ms since 1970, or null when the answer names none: then the leaf's own end counts. */
  readonly validUntil: number | null;
}

/** Asks the identity service once; `timeout` in ms. Rejects with a MeshError. */
export type Certify = (request: CertifyRequest, timeout: number) => Promise<CertifyResponse>;
