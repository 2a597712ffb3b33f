/**
 * A serving certificate from the mesh's identity program: key and signing request are made here, the ServiceAccount's token
 * proves who asks. The connection is plain: the proxy of this pod puts mutual TLS around it.
 */
import { readFile } from "node:fs/promises";
import { Backoff } from "#lib/backoff.ts";
import type { Clock } from "#lib/clock.ts";
import { errorChain, MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { connect } from "#lib/net/connect.ts";
import { Resolver } from "#lib/net/resolve.ts";
import type { Random } from "#lib/random.ts";
import { type ReadonlyWatchable, Watchable } from "#lib/watchable.ts";
import { certificatePem, parseCertificate } from "#lib/x509/certificate.ts";
import { createCsr } from "#lib/x509/csr.ts";
import { createKey } from "#lib/x509/key.ts";
import type { KeyPair } from "#kube/webhook.ts";
import { RpcClient } from "#rpc/client.ts";
import { Identity } from "#rpc/gen/identity_pb.ts";
import type { CertificateSource } from "./certificate-source.ts";

/** Part of a certificate's life after which a new one is asked for, as proxies do. */
const renewAt = 0.7;
/** ms until there must be a connection, and an answer. */
const connectTimeout = 2000;
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
  const attempt = async (): Promise<void> => {
    let wait: number;
    try {
      const { notBefore, notAfter, ...next } = await certify(source, clock, random);
      if (signal.aborted) return;
      pair.set(next);
      slow.reset();
      wait = Math.max(shortest, notBefore + (notAfter - notBefore) * renewAt - clock.wall());
      log.info("Got a serving certificate", { name: source.name, until: new Date(notAfter).toISOString() });
    } catch (thrown) {
      if (signal.aborted) return;
      const early = clock.now() - started < startingFor;
      wait = (early ? quick : slow).next();
      // While everything starts, identity and the own proxy are rarely there first.
      if (early) log.debug("No serving certificate yet", { name: source.name, error: errorChain(thrown) });
      else log.warn("Getting a serving certificate failed, trying again", { name: source.name }, thrown);
    }
    clock.after(wait, () => {
      if (!signal.aborted) void attempt();
    });
  };
  log.info("Asking for a serving certificate", { name: source.name, address: `${source.host}:${source.port}` });
  void attempt();
  return pair;
}

async function certify(
  { host, port, name, tokenFile }: IdentitySource,
  clock: Clock,
  random: Random,
): Promise<KeyPair & { readonly notBefore: number; readonly notAfter: number }> {
  let token: Buffer;
  try {
    token = await readFile(tokenFile);
  } catch (thrown) {
    throw new MeshError("environment", `Failed to read the token file "${tokenFile}"`, { cause: thrown });
  }
  const { addrs } = await new Resolver({ clock, timeout: connectTimeout }).resolve(host, port);
  const addr = addrs[Math.floor(random.next() * addrs.length)];
  if (addr === undefined) throw new MeshError("dns", `"${host}" has no address`);
  const client = new RpcClient({
    connect: (handler) => connect({ ...addr, timeout: connectTimeout }, handler),
    authority: `${host.replace(/\.$/, "")}:${port}`,
    clock,
    keepalive: null,
  });
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
    };
  } finally {
    client.close();
  }
}
