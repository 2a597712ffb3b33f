/**
 * The issuer and the anchors, read from mounted files and followed as they change. A new issuer takes over only when it
 * holds against the anchors; until then the last good one goes on issuing.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "#lib/clock.ts";
import { errorChain, MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { type ReadonlyWatchable, Watchable } from "#lib/watchable.ts";
import type { Certificate } from "#lib/x509/certificate.ts";
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
  | { readonly reason: "IssuerUpdated"; readonly message: string }
  | { readonly reason: "IssuerUpdateSkipped" | "IssuerValidationFailed"; readonly message: string };

export interface WatchIssuerOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly onEvent: (event: IssuerEvent) => void;
  readonly signal?: AbortSignal;
  /** For tests. Default: the file system. */
  readonly read?: (path: string) => string;
  /** Time between looks at the files, ms; default 5 s. The kubelet brings a changed Secret within about a minute. */
  readonly interval?: number;
}

/** Throws "environment" or "invalid-argument" when there is nothing usable at the start. */
export function watchIssuer(files: IssuerFiles, options: WatchIssuerOptions): ReadonlyWatchable<Issuer> {
  const { clock, log, onEvent, signal, interval = 5000 } = options;
  const read = options.read ?? ((path: string) => readFileSync(path, "utf8"));
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
      issuer.set(issuerOf(next, clock.wall()));
      const { notAfter } = issuer.get().authority.certificate;
      const message = `Updated the identity issuer, valid until ${new Date(notAfter).toISOString()}`;
      log.info(message);
      onEvent({ reason: "IssuerUpdated", message });
    } catch (error) {
      const message = `Keeping the last identity issuer because the new one is not valid: ${errorChain(error)}`;
      log.error(message);
      onEvent({ reason: "IssuerValidationFailed", message });
    }
  };
  clock.after(interval, look);
  return issuer;
}

function readTrust(files: IssuerFiles, read: (path: string) => string): Trust {
  const names = fileNames[files.scheme];
  const file = (path: string): string => {
    try {
      return read(path);
    } catch (error) {
      throw new MeshError("environment", `Failed to read "${path}"`, { cause: error });
    }
  };
  return {
    anchorPem: file(files.anchorsFile),
    issuerCertPem: file(join(files.issuerDirectory, names.cert)),
    issuerKeyPem: file(join(files.issuerDirectory, names.key)),
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
    chain: [issuer, ...intermediates].filter((certificate) => !isAnchor(certificate)),
  };
}
