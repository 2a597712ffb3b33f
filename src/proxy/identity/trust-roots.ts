/**
 * Whom this workload trusts (docs/adr/005-live-trust-anchors.md). It starts with the anchors of its settings, or with the
 * newest ones that it learned before a restart. What the identity service says later replaces them, but never before our
 * own certificate holds against it: until then the new bundle waits and the old one counts. Anchors that are gone from a
 * new bundle are trusted for a moment longer, so that workloads that hear of it a little later are not refused.
 */
import type { Clock, Timer } from "#lib/clock.ts";
import { asMeshError, MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { Watchable, type ReadonlyWatchable } from "#lib/watchable.ts";
import { parseCertificates, verifyChain, type Certificate } from "#lib/x509/certificate.ts";
import { checkSignatures } from "#lib/x509/web-crypto.ts";
import type { AnchorStore } from "./anchor-store.ts";
import {
  maxAnchors,
  missingFrom,
  parseTrustBundle,
  sameBundle,
  trustBundle,
  type TrustBundle,
} from "./trust-bundle.ts";

/** How long an anchor that is gone from the bundle is still trusted, ms. */
export const removalGrace = 60_000;

/** A certificate with what leads to an anchor. */
export interface Chain {
  readonly leaf: Certificate;
  readonly intermediates: readonly Certificate[];
}

/** A chain that holds against what is trusted, or against the bundle that waits for it. */
export interface ProvenChain extends Chain {
  readonly against: TrustBundle | null;
}

/** What became of bundles that came, since the start. */
export interface TrustCounts {
  readonly adopted: number;
  readonly refused: number;
  /** Times that a bundle had to wait for a certificate. */
  readonly deferred: number;
}

export interface TrustRootsOptions {
  /** The anchors of the settings. */
  readonly configuredPem: string;
  /** Null: nothing is kept over a restart. */
  readonly store: AnchorStore | null;
  /** Who signed what. Default {@link checkSignatures}, which needs a moment. */
  readonly check?: typeof checkSignatures;
  readonly clock: Clock;
  readonly log: Log;
}

export class TrustRoots {
  /** What certificates are checked against now. */
  readonly current: ReadonlyWatchable<TrustBundle>;
  readonly counts: ReadonlyWatchable<TrustCounts>;
  private readonly effective: Watchable<TrustBundle>;
  private readonly counted = new Watchable<TrustCounts>({ adopted: 0, refused: 0, deferred: 0 });
  private readonly options: TrustRootsOptions;
  /** What was adopted last: without anchors on their way out. */
  private adopted: TrustBundle;
  /** Came, and our certificate does not hold against it yet. */
  private waiting: TrustBundle | null = null;
  private grace: Timer | null = null;
  /** Counts bundles that came. */
  private offers = 0;

  /** Throws "invalid-argument" when the settings hold no certificate that can be read. */
  constructor(options: TrustRootsOptions) {
    this.options = options;
    const configured = configuredBundle(options.configuredPem);
    this.adopted = options.store?.read(options.clock.wall()) ?? configured;
    this.effective = new Watchable(this.adopted);
    this.current = this.effective;
    this.counts = this.counted;
    if (!sameBundle(this.adopted, configured)) {
      options.log.info("Starting with the trust anchors learned before the restart", {
        anchors: fingerprints(this.adopted.anchors),
      });
    }
  }

  /** Whether a bundle waits for a certificate that holds against it. */
  get pending(): boolean {
    return this.waiting !== null;
  }

  /**
   * Takes what the identity service says. `chain`: our certificate. False: a certificate is needed that holds against the
   * new bundle; {@link certified} adopts it then. Of several bundles that come while one is looked at, the last one counts.
   */
  async offer(pem: string, chain: Chain): Promise<boolean> {
    const { clock, log } = this.options;
    let bundle: TrustBundle;
    try {
      bundle = parseTrustBundle(pem, clock.wall());
    } catch (thrown) {
      this.count("refused");
      log.warn("A trust bundle can't be used, the old one stays", {}, asMeshError(thrown, "Reading a trust bundle"));
      return true;
    }
    const offer = ++this.offers;
    this.waiting = null;
    if (sameBundle(bundle, this.adopted)) return true;
    const held = await this.holds(chain, bundle, clock.wall());
    if (offer !== this.offers) return true;
    if (held) {
      this.adopt(bundle);
      return true;
    }
    this.waiting = bundle;
    this.count("deferred");
    log.info("New trust anchors wait for a certificate of ours that holds against them", {
      anchors: fingerprints(bundle.anchors),
    });
    return false;
  }

  /** Rejects with "permission-denied" unless the chain holds against what is trusted or is about to be. */
  async verify(chain: Chain): Promise<ProvenChain> {
    const { waiting } = this;
    const wall = this.options.clock.wall();
    if (waiting !== null && (await this.holds(chain, waiting, wall))) return { ...chain, against: waiting };
    await this.hold(chain, this.effective.get(), wall);
    return { ...chain, against: null };
  }

  /** We have this certificate now: a bundle that waited for it is adopted. */
  certified(chain: ProvenChain): void {
    const { waiting } = this;
    if (waiting === null || chain.against !== waiting) return;
    this.waiting = null;
    this.adopt(waiting);
  }

  stop(): void {
    this.grace?.cancel();
    this.grace = null;
  }

  private adopt(bundle: TrustBundle): void {
    const { clock, log, store } = this.options;
    const before = this.effective.get();
    const removed = missingFrom(bundle, before);
    log.info("Trust anchors changed", {
      added: fingerprints(missingFrom(before, bundle)),
      removed: fingerprints(removed),
      anchors: bundle.anchors.length,
    });
    this.adopted = bundle;
    store?.write(bundle);
    this.count("adopted");
    this.grace?.cancel();
    this.grace = null;
    if (removed.length > 0) {
      this.grace = clock.after(removalGrace, () => {
        this.grace = null;
        this.effective.set(this.adopted);
      });
    }
    const all = [...certificates(bundle), ...removed.map(({ certificate }) => certificate)];
    this.effective.set(trustBundle(all.slice(0, 2 * maxAnchors)));
  }

  private async holds(chain: Chain, bundle: TrustBundle, wall: number): Promise<boolean> {
    try {
      await this.hold(chain, bundle, wall);
      return true;
    } catch (thrown) {
      if (asMeshError(thrown, "Checking a chain").code === "permission-denied") return false;
      throw thrown;
    }
  }

  private async hold({ leaf, intermediates }: Chain, bundle: TrustBundle, wall: number): Promise<void> {
    const { check = checkSignatures } = this.options;
    const anchors = certificates(bundle);
    const issuedBy = await check([leaf, ...intermediates], [...intermediates, ...anchors]);
    verifyChain(leaf, intermediates, anchors, wall, issuedBy);
  }

  private count(what: keyof TrustCounts): void {
    const counts = this.counted.get();
    this.counted.set({ ...counts, [what]: counts[what] + 1 });
  }
}

function configuredBundle(pem: string): TrustBundle {
  try {
    return trustBundle(parseCertificates(pem));
  } catch (thrown) {
    throw new MeshError("invalid-argument", "The trust anchors of the settings can't be read", { cause: thrown });
  }
}

function certificates(bundle: TrustBundle): Certificate[] {
  return bundle.anchors.map(({ certificate }) => certificate);
}

/** As many as a log line can bear. */
function fingerprints(anchors: readonly { readonly fingerprint: string }[]): string {
  const shown = anchors.slice(0, 8).map(({ fingerprint }) => fingerprint.slice(0, 16));
  return shown.join(",") + (anchors.length > shown.length ? ",…" : "");
}
