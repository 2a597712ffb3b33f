/** When our certificate came, when it ends, and how often it was renewed. */
import type { Clock } from "#lib/clock.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import type { IdentityClient } from "../identity/identity-client.ts";

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
