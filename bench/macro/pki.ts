/** One authority and a leaf certificate for each side, P-256, as the mesh's own. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { certificatePem } from "#lib/x509/certificate.ts";
import { createLeaf, createRoot, validFor } from "#lib/x509/sign.ts";

export interface Leaf {
  /** DNS name and common name. */
  readonly name: string;
  /** PEM files. `pair` holds certificate and key together. */
  readonly cert: string;
  readonly key: string;
  readonly pair: string;
}

export interface Pki {
  readonly ca: string;
  readonly caPem: string;
  readonly client: Leaf;
  readonly server: Leaf;
  /** Signs what a proxy asks for. */
  readonly authority: ReturnType<typeof createRoot>;
}

export function createPki(folder: string): Pki {
  const validity = validFor(Date.now(), 24 * 3_600_000, 3_600_000);
  const authority = createRoot("bench", validity);
  const caPem = certificatePem(authority.certificate);
  const ca = join(folder, "ca.pem");
  writeFileSync(ca, caPem);
  const leaf = (account: string): Leaf => {
    const name = `${account}.bench.serviceaccount.identity.linkerd.cluster.local`;
    const made = createLeaf(authority, [name], validity);
    const certPem = certificatePem(made.certificate);
    const paths = {
      cert: join(folder, `${account}.crt`),
      key: join(folder, `${account}.key`),
      pair: join(folder, `${account}.pem`),
    };
    writeFileSync(paths.cert, certPem);
    writeFileSync(paths.key, made.key.privateKeyPem);
    writeFileSync(paths.pair, certPem + made.key.privateKeyPem);
    return { name, ...paths };
  };
  return { ca, caPem, client: leaf("client"), server: leaf("server"), authority };
}
