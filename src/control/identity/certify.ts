/** One certificate: who asks, may they have this name, here it is. */
import type { Clock } from "#lib/clock.ts";
import { errorChain, MeshError } from "#lib/errors.ts";
import { parseCsr, type Csr } from "#lib/x509/csr.ts";
import type { Certificate } from "#lib/x509/certificate.ts";
import { signCertificate, validFor } from "#lib/x509/sign.ts";
import { assertIdentity, serviceAccountIdentity, type Identity, type TrustScope } from "#model/identity.ts";
import type { ReadonlyWatchable } from "#lib/watchable.ts";
import type { Issuer } from "./issuer.ts";
import type { TokenOwner } from "./token-review.ts";
import { webhookNames } from "./webhook-names.ts";

/** A request as it comes in; everything in it is to be distrusted. */
export interface CertifyInput {
  readonly identity: string;
  readonly token: Uint8Array;
  /** PKCS #10, DER. */
  readonly csr: Uint8Array;
}

export interface Certified {
  readonly identity: Identity;
  readonly leaf: Certificate;
  /** DER, the issuer first. */
  readonly intermediates: readonly Uint8Array[];
}

export interface CertifyDeps {
  readonly scope: TrustScope;
  readonly issuer: ReadonlyWatchable<Issuer>;
  readonly review: (token: string) => Promise<TokenOwner>;
  readonly clock: Clock;
  /** How long leaves live, ms. */
  readonly lifetime: number;
  /** How much longer on both sides, ms, for clocks that differ. */
  readonly skew: number;
}

/** Tokens are about 1 KB, requests about 300 bytes. */
const maxToken = 16 * 1024;
const maxCsr = 16 * 1024;

/** Throws a MeshError whose code says whose fault it is. */
export async function certify(input: CertifyInput, deps: CertifyDeps): Promise<Certified> {
  const identity = checkInput(input);
  const csr = checkCsr(input.csr, identity);
  const owner = await deps.review(new TextDecoder().decode(input.token).trim());
  const expected = serviceAccountIdentity(owner.serviceAccount, owner.namespace, deps.scope);
  if (identity !== expected && !webhookNames(owner, deps.scope).includes(identity)) {
    throw new MeshError("permission-denied", `The token stands for "${expected}" and not for "${identity}"`);
  }
  // Only now: the issuer may have changed while Kubernetes was asked.
  return issue(identity, csr, deps);
}

function checkInput({ identity, token, csr }: CertifyInput): Identity {
  if (identity === "") throw new MeshError("invalid-argument", "The certificate request names no identity");
  if (token.length === 0) throw new MeshError("invalid-argument", "The certificate request carries no token");
  if (csr.length === 0) throw new MeshError("invalid-argument", "The certificate request carries no signing request");
  if (token.length > maxToken || csr.length > maxCsr) {
    throw new MeshError("invalid-argument", "The certificate request is too large");
  }
  return assertIdentity(identity);
}

function checkCsr(bytes: Uint8Array, identity: Identity): Csr {
  let csr: Csr;
  try {
    csr = parseCsr(bytes);
  } catch (error) {
    throw new MeshError("invalid-argument", `The signing request is not usable: ${errorChain(error)}`);
  }
  checkNames(csr, identity);
  return csr;
}

/** The signing request must name exactly the identity: nothing else may get into a certificate of ours. */
export function checkNames(csr: Omit<Csr, "publicKeyDer">, identity: Identity): void {
  if (csr.otherSans) {
    throw new MeshError("invalid-argument", "The signing request has names other than DNS names (IP, email or URI)");
  }
  if (csr.dnsNames.length !== 1) {
    throw new MeshError("invalid-argument", `The signing request has ${csr.dnsNames.length} DNS names instead of one`);
  }
  if (csr.dnsNames[0] !== identity) {
    throw new MeshError(
      "invalid-argument",
      `The signing request is for "${csr.dnsNames[0]}" and not for "${identity}"`,
    );
  }
  if (csr.subjectCn !== null && csr.subjectCn !== "" && csr.subjectCn !== identity) {
    throw new MeshError("invalid-argument", `The signing request has the common name "${csr.subjectCn}"`);
  }
}

function issue(identity: Identity, { publicKeyDer }: Csr, deps: CertifyDeps): Certified {
  const { authority, chain } = deps.issuer.get();
  const now = deps.clock.wall();
  if (now > authority.certificate.notAfter) {
    const since = new Date(authority.certificate.notAfter).toISOString();
    throw new MeshError(
      "unavailable",
      `The identity issuer expired at ${since}; nothing can be issued until it is renewed`,
    );
  }
  const wanted = validFor(now, deps.lifetime, deps.skew);
  const leaf = signCertificate({
    issuer: authority,
    subject: identity,
    dnsNames: [identity],
    publicKeyDer,
    notBefore: Math.max(wanted.notBefore, authority.certificate.notBefore),
    // A leaf that outlived its issuer would not verify, and its owner would renew it too late.
    notAfter: Math.min(wanted.notAfter, authority.certificate.notAfter),
  });
  return { identity, leaf, intermediates: chain.map(({ der }) => der) };
}
