/** When our certificate came, when it ends, and how often it was renewed; whom we trust, and how that changed. */
import type { Clock } from "#lib/clock.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import type { IdentityClient } from "../identity/identity-client.ts";
import type { TrustAnchor } from "../identity/trust-bundle.ts";
import type { TrustRoots } from "../identity/trust-roots.ts";

export function registerIdentityMetrics(registry: Registry, identity: IdentityClient, clock: Clock): void {
  const expiry = registry.gauge(
    "control_identity_cert_expiration_timestamp_seconds",
    "Time when this proxy's current mTLS identity certificate will expire (in seconds since the UNIX epoch)",
  );
  const refreshed = registry.gauge(
    "control_identity_cert_refresh_timestamp_seconds",
    "Time when this proxy's current mTLS identity certificate was last refreshed (in seconds since the UNIX epoch)",
  );
  const refreshes = registry.counter(
    "control_identity_cert_refreshes_total",
    "The total number of times this proxy's mTLS identity certificate has been refreshed by the Identity provider",
  );
  const failures = registry.counter(
    "control_identity_cert_refresh_failures_total",
    "The total number of attempts to refresh this proxy's mTLS identity certificate that failed",
  );
  identity.status.watch((status) => {
    refreshes.cell().value = status.refreshes;
    failures.cell().value = status.failures;
    if (status.expiry !== null) expiry.cell().value = Math.floor(status.expiry / 1000);
    if (status.lastError === null) refreshed.cell().value = Math.floor(clock.wall() / 1000);
  });
}

/** The trust anchors in use, each with its end, so that one can see when every proxy has a new one. Not in Linkerd. */
export function registerTrustMetrics(registry: Registry, roots: TrustRoots): void {
  const expiry = registry.gauge(
    "control_identity_trust_anchor_expiration_timestamp_seconds",
    "Time when a trust anchor in use will expire (in seconds since the UNIX epoch)",
  );
  const updates = registry.counter(
    "control_identity_trust_anchor_updates_total",
    "The total number of trust bundles from the Identity provider that changed something, by what became of them",
  );
  const labels = ({ fingerprint }: TrustAnchor): Record<string, string> => ({ sha256: fingerprint });
  let shown: readonly TrustAnchor[] = [];
  const show = (anchors: readonly TrustAnchor[]): void => {
    for (const anchor of shown) expiry.remove(labels(anchor));
    shown = anchors;
    for (const anchor of anchors) expiry.cell(labels(anchor)).value = Math.floor(anchor.certificate.notAfter / 1000);
  };
  show(roots.current.get().anchors);
  roots.current.watch(({ anchors }) => show(anchors));
  roots.counts.watch((counts) => {
    for (const [result, count] of Object.entries(counts)) updates.cell({ result }).value = count;
  });
}
