/**
 * The issuer and the anchors, read from mounted files and followed as they change. Both are one: new anchors and a new
 * issuer are taken over only when the issuer holds against the anchors; until then the last good ones go on. So a bundle
 * that lost the issuer's root by mistake never reaches a proxy.
 */
import { basename, dirname } from "node:path";
import type { Clock } from "#lib/clock.ts";
import { errorChain } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { readMounted } from "#kube/mounted-files.ts";
import { type ReadonlyWatchable, Watchable } from "#lib/watchable.ts";
import { certificatePem, type Certificate, parseCertificates } from "#lib/x509/certificate.ts";
import { loadKey } from "#lib/x509/key.ts";
import type { Authority } from "#lib/x509/sign.ts";
import { checkTrust, type Trust } from "#manifests/trust.ts";

/** Who keeps the issuer's Secret: us (`linkerd.io/tls`), or cert-manager and the like (`kubernetes.io/tls`). */
export type IssuerScheme = "linkerd.io/tls" | "kubernetes.io/tls";

const fileNames: Readonly<Record<IssuerScheme, { readonly cert: string; readonly key: string }>> = {
  "linkerd.io/tls": { cert: "crt.pem", key: "key.pem" },
  "kubernetes.io/tls": { cert: "tls.crt", key: "tls.key" },
};

/** Ready to issue. */
export interface Issuer {
  readonly authority: Authority;
  /** Sent with every leaf, the issuer first; without certificates that are anchors themselves. */
  readonly chain: readonly Certificate[];
  /** What proxies are to trust: every anchor, as PEM. */
  readonly anchorsPem: string;
  /** SHA-256 of the issuer's certificate, in hexadecimal. */
  readonly fingerprint: string;
}

export interface IssuerFiles {
  readonly scheme: IssuerScheme;
  /** The directory of the issuer's Secret. */
  readonly issuerDirectory: string;
  /** The file of the anchors. */
  readonly anchorsFile: string;
}

/** What happened to a change, for Events. */
export type IssuerEvent =
  | { readonly reason: "IssuerUpdated" | "TrustAnchorsUpdated"; readonly message: string }
  | { readonly reason: "IssuerUpdateSkipped" | "IssuerValidationFailed"; readonly message: string };

export interface WatchIssuerOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly onEvent: (event: IssuerEvent) => void;
  readonly signal?: AbortSignal;
  /** Files of one directory as they are at one time. For tests; default: the file system. */
  readonly read?: (directory: string, names: readonly string[]) => Readonly<Record<string, string>>;
  /** Time between looks at the files, ms; default 5 s. The kubelet brings a changed Secret within about a minute. */
  readonly interval?: number;
}

/** Throws "environment" or "invalid-argument" when there is nothing usable at the start. */
export function watchIssuer(files: IssuerFiles, options: WatchIssuerOptions): ReadonlyWatchable<Issuer> {
  const { clock, log, onEvent, signal, interval = 5000 } = options;
  const read = options.read ?? readMounted;
  let seen = readTrust(files, read);
  const issuer = new Watchable(issuerOf(seen, clock.wall()));
  /** The reading error that was reported last, so that one is not reported every time. */
  let failure = "";
  const look = (): void => {
    if (signal?.aborted === true) return;
    clock.after(interval, look);
    let next: Trust;
    try {
      next = readTrust(files, read);
      failure = "";
    } catch (error) {
      const message = `Skipping the issuer's update because it can't be read: ${errorChain(error)}`;
      if (message !== failure) {
        log.warn(message);
        onEvent({ reason: "IssuerUpdateSkipped", message });
      }
      failure = message;
      return;
    }
    if (sameTrust(seen, next)) return;
    seen = next;
    try {
      const before = issuer.get();
      issuer.set(issuerOf(next, clock.wall()));
      for (const event of changes(before, issuer.get())) {
        log.info(event.message);
        onEvent(event);
      }
    } catch (error) {
      const message = `Keeping the last identity issuer and trust anchors because the new ones are not valid: ${errorChain(error)}`;
      log.error(message);
      onEvent({ reason: "IssuerValidationFailed", message });
    }
  };
  clock.after(interval, look);
  return issuer;
}

/** What people should hear of. */
function changes(before: Issuer, after: Issuer): IssuerEvent[] {
  const events: IssuerEvent[] = [];
  if (before.anchorsPem !== after.anchorsPem) {
    const [gone, added] = [without(before, after), without(after, before)];
    const parts = [added === "" ? "" : `added ${added}`, gone === "" ? "" : `removed ${gone}`].filter(
      (part) => part !== "",
    );
    const message = `Updated the trust anchors: ${parts.join(", ") || "the same ones in another form"}`;
    events.push({ reason: "TrustAnchorsUpdated", message });
  }
  const [was, is] = [before.authority.certificate, after.authority.certificate];
  if (Buffer.compare(was.der, is.der) !== 0) {
    const message = `Updated the identity issuer, valid until ${new Date(is.notAfter).toISOString()}`;
    events.push({ reason: "IssuerUpdated", message });
  }
  return events;
}

/** The anchors of `a` that `b` hasn't, by name and serial. */
function without(a: Issuer, b: Issuer): string {
  const known = new Set(parseCertificates(b.anchorsPem).map(({ der }) => Buffer.from(der).toString("base64")));
  return parseCertificates(a.anchorsPem)
    .filter(({ der }) => !known.has(Buffer.from(der).toString("base64")))
    .map(({ subjectCn, serial }) => `"${subjectCn ?? ""}" (serial ${serial})`)
    .join(" and ");
}

function readTrust(files: IssuerFiles, read: NonNullable<WatchIssuerOptions["read"]>): Trust {
  const names = fileNames[files.scheme];
  const issuer = read(files.issuerDirectory, [names.cert, names.key]);
  const bundle = basename(files.anchorsFile);
  return {
    anchorPem: read(dirname(files.anchorsFile), [bundle])[bundle] ?? "",
    issuerCertPem: issuer[names.cert] ?? "",
    issuerKeyPem: issuer[names.key] ?? "",
  };
}

function sameTrust(a: Trust, b: Trust): boolean {
  return a.anchorPem === b.anchorPem && a.issuerCertPem === b.issuerCertPem && a.issuerKeyPem === b.issuerKeyPem;
}

function issuerOf(trust: Trust, now: number): Issuer {
  const { issuer, intermediates, anchors } = checkTrust(trust, now);
  const isAnchor = (certificate: Certificate): boolean =>
    anchors.some((anchor) => Buffer.compare(anchor.der, certificate.der) === 0);
  return {
    authority: { certificate: issuer, key: loadKey(trust.issuerKeyPem) },
    fingerprint: new Bun.CryptoHasher("sha256").update(issuer.der).digest("hex"),
    // Written anew: comments and the order in which a tool wrote the file are no change.
    anchorsPem: anchors.map(certificatePem).toSorted().join(""),
    chain: [issuer, ...intermediates].filter((certificate) => !isAnchor(certificate)),
  };
}
