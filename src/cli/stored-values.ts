/** What an installation was told before, as layers of values under what is told now. */
import { isJsonObject, type Json, type JsonObject } from "#manifests/json.ts";
import type { Installation } from "./installation.ts";

/**
 * The issuer and the anchors in the cluster win over the stored ones: they may have been rotated by hand. Where they are
 * the same the stored text stays, to the last line break: another text would restart the control plane for nothing.
 */
export function storedLayers({ overrides, trust }: Installation): Json[] {
  const issuer = member(member(overrides, "identity"), "issuer");
  const foreign = issuer["scheme"] === "kubernetes.io/tls" || member(overrides, "identity")["externalCA"] === true;
  if (trust === null || foreign) return [overrides];
  const tls = member(issuer, "tls");
  const live: JsonObject = {};
  if (differs(overrides["identityTrustAnchorsPEM"], trust.anchorPem)) live["identityTrustAnchorsPEM"] = trust.anchorPem;
  if (differs(tls["crtPEM"], trust.issuerCertPem) || differs(tls["keyPEM"], trust.issuerKeyPem)) {
    live["identity"] = { issuer: { tls: { crtPEM: trust.issuerCertPem, keyPEM: trust.issuerKeyPem } } };
  }
  return Object.keys(live).length === 0 ? [overrides] : [overrides, live];
}

function member(value: Json | undefined, name: string): JsonObject {
  const found = isJsonObject(value) ? value[name] : undefined;
  return isJsonObject(found) ? found : {};
}

function differs(stored: Json | undefined, live: string): boolean {
  return typeof stored !== "string" || stored.trim() !== live.trim();
}
