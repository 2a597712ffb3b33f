/**
 * A serving certificate from the mesh's identity program: key and signing request are made here, the ServiceAccount's token
 * proves who asks. The connection is plain: the proxy of this pod puts mutual TLS around it.
 */
import { readFile } from "node:fs/promises";
import { Backoff } from "#lib/backoff.ts";
import type { Clock, Timer } from "#lib/clock.ts";
import { errorChain, MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Random } from "#lib/random.ts";
import { type ReadonlyWatchable, Watchable } from "#lib/watchable.ts";
import { certificatePem, parseCertificate } from "#lib/x509/certificate.ts";
import { createCsr } from "#lib/x509/csr.ts";
import { createKey } from "#lib/x509/key.ts";
import type { KeyPair } from "#kube/webhook.ts";
import { Identity } from "#rpc/gen/identity_pb.ts";
import type { CertificateSource } from "./certificate-source.ts";
import { identityClient } from "./identity-connection.ts";
import { followIssuer } from "./issuer-watch.ts";

/** Part of a certificate's life after which a new one is asked for, as proxies do. */
const renewAt = 0.7;
/** ms until there must be an answer. */
const timeout = 10_000;
/** Between attempts, ms: quickly while the mesh starts and identity is about to be there, then patiently. */
const startingFor = 60_000;
const starting = { min: 100, max: 1500, jitter: 0.3 };
const patient = { min: 2000, max: 30_000, jitter: 0.5 };
/** The shortest time between two certificates, ms. */
const shortest = 10_000;
type IdentitySource = Extract<CertificateSource, { kind: "identity" }>;

export function identityCertificate(
  source: IdentitySource,
  deps: { readonly clock: Clock; readonly random: Random; readonly log: Log; readonly signal: AbortSignal },
): ReadonlyWatchable<KeyPair | null> {
  const { clock, random, log, signal } = deps;
  const pair = new Watchable<KeyPair | null>(null);
  const started = clock.now();
  const quick = new Backoff(starting, random);
  const slow = new Backoff(patient, random);
  /** Who issued what is served, and who issues now as we were told last; "" while unknown. */
  let issuer = "";
  let told = "";
  let timer: Timer | null = null;
  let asking = false;
  const attempt = async (): Promise<void> => {
    asking = true;
    let wait: number;
    try {
      const { notBefore, notAfter, issuerSha256, ...next } = await certify(source, deps);
      if (signal.aborted) return;
      issuer = issuerSha256 === "" ? told : issuerSha256;
      pair.set(next);
      slow.reset();
      // While the issuer changes, replicas of the identity program differ for some seconds.
      const current = told === "" || issuer === told;
      const life = notBefore + (notAfter - notBefore) * renewAt - clock.wall();
      wait = current ? Math.max(shortest, life) : shortest;
      log.info("Got a serving certificate", { name: source.name, until: new Date(notAfter).toISOString() });
    } catch (thrown) {
      if (signal.aborted) return;
      const early = clock.now() - started < startingFor;
      wait = (early ? quick : slow).next();
      // While everything starts, identity and the own proxy are rarely there first.
      if (early) log.debug("No serving certificate yet", { name: source.name, error: errorChain(thrown) });
      else log.warn("Getting a serving certificate failed, trying again", { name: source.name }, thrown);
    }
    asking = false;
    plan(wait);
  };
  const plan = (wait: number): void => {
    timer?.cancel();
    timer = clock.after(wait, () => {
      if (!signal.aborted) void attempt();
    });
  };
  log.info("Asking for a serving certificate", { name: source.name, address: `${source.host}:${source.port}` });
  void attempt();
  // A certificate of the last issuer is replaced at once and not only when it grows old, so that its root can go.
  followIssuer(
    source,
    (sha256) => {
      told = sha256;
      if (issuer === "") issuer = told;
      if (issuer === told || asking || pair.get() === null) return;
      log.info("The issuer changed, asking for a new serving certificate", { name: source.name });
      plan(0);
    },
    deps,
  );
  return pair;
}

async function certify(
  source: IdentitySource,
  deps: { readonly clock: Clock; readonly random: Random },
): Promise<
  KeyPair & { readonly notBefore: number; readonly notAfter: number; /** "" unknown. */ readonly issuerSha256: string }
> {
  const { name, tokenFile } = source;
  let token: Buffer;
  try {
    token = await readFile(tokenFile);
  } catch (thrown) {
    throw new MeshError("environment", `Failed to read the token file "${tokenFile}"`, { cause: thrown });
  }
  const client = await identityClient(source, deps);
  try {
    const key = createKey();
    const reply = await client.unary(
      Identity.method.certify,
      { identity: name, token, certificateSigningRequest: createCsr(key, name) },
      { timeout },
    );
    const leaf = parseCertificate(reply.leafCertificate);
    const chain = [leaf, ...reply.intermediateCertificates.map(parseCertificate)];
    return {
      certPem: chain.map(certificatePem).join(""),
      keyPem: key.privateKeyPem,
      notBefore: leaf.notBefore,
      notAfter: leaf.notAfter,
      // An issuer that is an anchor itself does not come along.
      issuerSha256: chain[1] === undefined ? "" : new Bun.CryptoHasher("sha256").update(chain[1].der).digest("hex"),
    };
  } finally {
    client.close();
  }
}
