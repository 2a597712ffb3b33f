/**
 * Keeps this workload's certificate fresh: asks the identity service, checks the answer, publishes the credentials and
 * asks again at 70 % of the certificate's life. Connections that are open never notice.
 */
import { Backoff } from "#lib/backoff.ts";
import type { Clock, Timer } from "#lib/clock.ts";
import { asMeshError, MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import type { Random } from "#lib/random.ts";
import { readSmallFile } from "#lib/small-files.ts";
import { Watchable, type ReadonlyWatchable } from "#lib/watchable.ts";
import { certificatePem, parseCertificate } from "#lib/x509/certificate.ts";
import type { Identity } from "#model/identity.ts";
import type { Certify, CertifyResponse, Credentials } from "./credentials.ts";
import type { KeyAndCsr } from "./key-store.ts";
import { renewalDelay, type RenewalLimits } from "./renewal.ts";
import { trustBundle } from "./trust-bundle.ts";
import type { ProvenChain, TrustRoots } from "./trust-roots.ts";

/** What metrics and readiness show. */
export interface IdentityStatus {
  /** End of the certificate in use, ms since 1970; null before the first. */
  readonly expiry: number | null;
  /** Certificates received, and attempts that failed, since the start. */
  readonly refreshes: number;
  readonly failures: number;
  /** The last attempt's error; null when it worked. */
  readonly lastError: MeshError | null;
}

export interface IdentityClientOptions {
  readonly name: Identity;
  /** Where it rejects, no certificate is ever asked for: the program ends. */
  readonly keys: Promise<KeyAndCsr>;
  /** A change is published at once with the certificate that there is. */
  readonly roots: TrustRoots;
  /** The ServiceAccount token; called for every attempt, because it is rotated. See {@link readTokenFile}. */
  readonly readToken: () => Uint8Array;
  readonly certify: Certify;
  readonly limits: RenewalLimits;
  /** Deadline of one attempt, ms. Default 5 s. */
  readonly timeout?: number;
  /** Between failed attempts. Default 100 ms to 3 s with jitter 0.1: a pod that starts with its control plane must not wait long for it. */
  readonly backoff?: { readonly min: number; readonly max: number; readonly jitter: number };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const defaultTimeout = 5000;
const lookInterval = 60_000;
/** When a certificate of a new issuer is asked for, ms: after everybody has heard of its anchors, and not all at once. */
const issuerDelay = { least: 5000, spread: 25_000 };
/** How soon a certificate that new anchors or a new issuer wait for is asked for again, ms. */
const pendingBackoff = { min: 5000, max: 600_000, jitter: 0.2 };
const defaultBackoff = { min: 100, max: 3000, jitter: 0.1 };

/** A certificate that was checked. */
interface Certified {
  readonly chain: ProvenChain;
  readonly keyPem: string;
  /** ms since 1970. */
  readonly validUntil: number;
}

export class IdentityClient {
  /** Null until the first certificate. Changes with every renewal and with the anchors. */
  readonly credentials: ReadonlyWatchable<Credentials | null>;
  readonly status: ReadonlyWatchable<IdentityStatus>;
  private readonly current = new Watchable<Credentials | null>(null);
  private readonly state = new Watchable<IdentityStatus>({ expiry: null, refreshes: 0, failures: 0, lastError: null });
  private readonly options: IdentityClientOptions;
  private readonly backoff: Backoff;
  private timer: Timer | null = null;
  private stopAnchors: (() => void) | null = null;
  private readonly pending: Backoff;
  /** Of the certificate in use. */
  private chain: ProvenChain | null = null;
  /** Counts attempts, so that the answer of one that was given up is ignored. */
  private attempt = 0;
  private running = false;
  /** The issuer of the moment, as the service says: its fingerprint; empty while it says nothing. */
  private issuer = "";
  /** When the next renewal is due, ms since 1970; while one is tried there is none. */
  private renewal = Number.NEGATIVE_INFINITY;

  constructor(options: IdentityClientOptions) {
    this.options = options;
    this.backoff = new Backoff(options.backoff ?? defaultBackoff, options.random);
    this.pending = new Backoff(pendingBackoff, options.random);
    this.credentials = this.current;
    this.status = this.state;
  }

  /** Asks for the first certificate and keeps it fresh until {@link stop}. */
  start(): void {
    if (this.running) return;
    this.running = true;
    this.stopAnchors = this.options.roots.current.watch(({ pem }) => {
      const now = this.current.get();
      if (now !== null) this.current.set({ ...now, anchorsPem: pem });
    });
    this.request();
  }

  stop(): void {
    this.running = false;
    this.attempt++;
    this.timer?.cancel();
    this.timer = null;
    this.stopAnchors?.();
  }

  /**
   * Takes a trust bundle from the identity service, and who signs certificates now. A bundle that our certificate does not
   * hold against is adopted with the next certificate that does, which is asked for at once. A certificate of another
   * issuer is renewed soon, so that the old issuer's root can go.
   */
  offerAnchors({ bundlePem, issuerSha256 }: { readonly bundlePem: string; readonly issuerSha256: string }): void {
    if (this.chain === null || !this.running) return;
    this.issuer = issuerSha256;
    this.pending.reset();
    this.options.roots.offer(bundlePem, this.chain).then(
      (settled) => {
        if (!this.running) return;
        if (!settled) this.schedule(0);
        else if (this.chain !== null && !this.isOfIssuer(this.chain)) this.renewSoon();
      },
      (error: unknown) => {
        this.options.log.error("A trust bundle could not be checked", {}, error);
      },
    );
  }

  private isOfIssuer({ leaf, intermediates }: ProvenChain): boolean {
    if (this.issuer === "") return true;
    const [signer] = intermediates;
    // Without an intermediate one of the anchors signed.
    const { anchors } = this.options.roots.current.get();
    const signers = signer === undefined ? anchors.map(({ certificate }) => certificate) : [signer];
    return trustBundle(signers).anchors.some(
      ({ fingerprint, certificate }) =>
        fingerprint === this.issuer && Buffer.compare(certificate.subject, leaf.issuer) === 0,
    );
  }

  private renewSoon(): void {
    const { clock, random, log } = this.options;
    const time = clock.wall() + issuerDelay.least + random.next() * issuerDelay.spread;
    if (time >= this.renewal) return;
    log.info("The issuer has changed, our certificate is renewed soon");
    this.renewAt(time);
  }

  private request(): void {
    this.renewal = Number.NEGATIVE_INFINITY;
    const attempt = ++this.attempt;
    const { clock, timeout = defaultTimeout } = this.options;
    // The client has its own deadline; this one holds even if that one fails.
    this.timer = clock.after(timeout + 1000, () => {
      if (attempt === this.attempt)
        this.failed(new MeshError("timeout", "The identity service did not answer in time"));
    });
    this.ask(timeout).then(
      (fresh) => {
        if (attempt === this.attempt) this.succeeded(fresh);
      },
      (error: unknown) => {
        if (attempt === this.attempt) this.failed(asMeshError(error, "Asking for a certificate"));
      },
    );
  }

  private async ask(timeout: number): Promise<Certified> {
    const { name, readToken, certify } = this.options;
    const keys = await this.options.keys;
    const token = readToken();
    return await this.check(await certify({ identity: name, token, csr: keys.csr }, timeout), keys);
  }

  /** Takes nothing that peers would refuse: own key, exact name, a chain up to an anchor, valid now. */
  private async check(response: CertifyResponse, keys: KeyAndCsr): Promise<Certified> {
    const { name, roots } = this.options;
    const leaf = parseCertificate(response.leaf);
    const intermediates = response.intermediates.map(parseCertificate);
    if (Buffer.compare(leaf.publicKeyDer, keys.key.publicKeyDer) !== 0) {
      throw new MeshError("permission-denied", "The identity service certified another key than ours");
    }
    if (!leaf.dnsNames.includes(name)) {
      throw new MeshError(
        "permission-denied",
        `The identity service certified "${leaf.dnsNames.join(", ")}", not "${name}"`,
      );
    }
    const chain = await roots.verify({ leaf, intermediates });
    return {
      chain,
      keyPem: keys.key.privateKeyPem,
      validUntil: Math.min(leaf.notAfter, response.validUntil ?? leaf.notAfter),
    };
  }

  private succeeded({ chain, keyPem, validUntil }: Certified): void {
    const { name, clock, limits, log, roots } = this.options;
    this.backoff.reset();
    this.chain = chain;
    // First the anchors: the new certificate may hold against the new ones only.
    roots.certified(chain);
    let delay = renewalDelay(clock.wall(), validUntil, limits);
    if (roots.pending || !this.isOfIssuer(chain)) delay = Math.min(delay, this.pending.next());
    this.renewAt(clock.wall() + delay);
    const { refreshes, failures } = this.state.get();
    log.debug("Certified", {
      id: name,
      expiry: new Date(validUntil).toISOString(),
      renewal: `${Math.round(delay)}ms`,
    });
    this.state.set({ expiry: validUntil, refreshes: refreshes + 1, failures, lastError: null });
    const { leaf, intermediates } = chain;
    this.current.set({
      name,
      chainPem: [leaf, ...intermediates].map(certificatePem).join(""),
      keyPem,
      anchorsPem: roots.current.get().pem,
      notBefore: leaf.notBefore,
      notAfter: leaf.notAfter,
    });
  }

  private failed(error: MeshError): void {
    const { log } = this.options;
    // Whatever the attempt still answers comes too late.
    this.attempt++;
    this.schedule(this.backoff.next());
    const before = this.state.get();
    log.warn("No certificate from the identity service", { attempt: before.failures + 1 }, error);
    this.state.set({ ...before, failures: before.failures + 1, lastError: error });
  }

  /** Looks at the time of day every minute: a machine that slept has missed its timers, not its certificate's end. */
  private renewAt(time: number): void {
    const { clock } = this.options;
    this.renewal = time;
    this.timer?.cancel();
    this.timer = clock.after(Math.min(time - clock.wall(), lookInterval), () => {
      if (clock.wall() >= time) this.request();
      else this.renewAt(time);
    });
  }

  private schedule(delay: number): void {
    this.renewal = Number.NEGATIVE_INFINITY;
    this.timer?.cancel();
    this.timer = this.options.clock.after(delay, () => this.request());
  }
}

/** Reads the projected token; an empty file is an error ("environment"). */
export function readTokenFile(path: string): Uint8Array {
  let token: Uint8Array;
  try {
    token = readSmallFile(path);
  } catch (error) {
    throw new MeshError("environment", `Reading the token file "${path}" failed`, { cause: error });
  }
  if (token.length === 0) throw new MeshError("environment", `The token file "${path}" is empty`);
  return token;
}
