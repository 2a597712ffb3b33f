/** A certificate for a server on loopback, and the authority that vouches for it. */
import { encodePem } from "#lib/x509/pem.ts";
import { createLeaf, createRoot, validFor } from "#lib/x509/sign.ts";

export interface TestCredentials {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

export function testCredentials(names: readonly string[]): TestCredentials {
  const validity = validFor(Date.now(), 3600_000, 60_000);
  const root = createRoot("test", validity);
  const leaf = createLeaf(root, names, validity);
  return {
    caPem: encodePem("CERTIFICATE", root.certificate.der),
    certPem: encodePem("CERTIFICATE", leaf.certificate.der),
    keyPem: leaf.key.privateKeyPem,
  };
}
