/** What an installation was told before, as layers of values under what is told now. */
import { MeshError } from "#lib/errors.ts";
import { parseCertificates } from "#lib/x509/certificate.ts";
import { isJsonObject, type Json, type JsonObject } from "#manifests/json.ts";
import type { Installation } from "./installation.ts";
import { renewBefore } from "./renewal.ts";

/**
 * The issuer and the anchors in the cluster win over the stored ones: they may have been rotated by hand. Where they are
 * the same the stored text stays, to the last line break: another text would restart the control plane for nothing.
 */
export function storedLayers({ overrides, trust }: Pick<Installation, "overrides" | "trust">, now: number): Json[] {
  const stored = withoutExpiring(overrides, now);
  const issuer = member(member(stored, "identity"), "issuer");
  const foreign = issuer["scheme"] === "kubernetes.io/tls" || member(stored, "identity")["externalCA"] === true;
  if (trust === null || foreign) return [stored];
  const tls = member(issuer, "tls");
  const live: JsonObject = {};
  if (differs(stored["identityTrustAnchorsPEM"], trust.anchorPem)) live["identityTrustAnchorsPEM"] = trust.anchorPem;
  if (differs(tls["crtPEM"], trust.issuerCertPem) || differs(tls["keyPEM"], trust.issuerKeyPem)) {
    live["identity"] = { issuer: { tls: { crtPEM: trust.issuerCertPem, keyPEM: trust.issuerKeyPem } } };
  }
  return Object.keys(live).length === 0 ? [stored] : [stored, live];
}

const webhookPaths = ["proxyInjector", "profileValidator", "policyValidator"] as const;

/** Webhook certificates that were made at an installation are stored with it; nobody else would renew them. */
function withoutExpiring(overrides: JsonObject, now: number): JsonObject {
  const kept = { ...overrides };
  for (const path of webhookPaths) {
    const { crtPEM, keyPEM: _key, caBundle: _bundle, ...rest } = member(overrides, path);
    if (typeof crtPEM === "string" && crtPEM !== "" && expiresBefore(crtPEM, now + renewBefore)) kept[path] = rest;
  }
  return kept;
}

function expiresBefore(pem: string, at: number): boolean {
  try {
    return parseCertificates(pem).some(({ notAfter }) => notAfter < at);
  } catch (error) {
    // What is no certificate is left for the renderer to refuse with the value's name.
    if (error instanceof MeshError) return false;
    throw error;
  }
}

function member(value: Json | undefined, name: string): JsonObject {
  const found = isJsonObject(value) ? value[name] : undefined;
  return isJsonObject(found) ? found : {};
}

function differs(stored: Json | undefined, live: string): boolean {
  return typeof stored !== "string" || stored.trim() !== live.trim();
}
