import { expect, test } from "bun:test";
import { generateTrust, generateWebhookTls } from "#manifests/trust.ts";
import { storedLayers } from "./stored-values.ts";

const now = Date.UTC(2026, 0, 1);
const trust = generateTrust({ controlPlaneNamespace: "linkerd", trustDomain: "cluster.local", now });
const other = generateTrust({ controlPlaneNamespace: "linkerd", trustDomain: "cluster.local", now });
const stored = {
  controllerReplicas: 2,
  identityTrustAnchorsPEM: trust.anchorPem,
  identity: { issuer: { tls: { crtPEM: trust.issuerCertPem, keyPEM: trust.issuerKeyPem } } },
};
const trimmed = {
  anchorPem: trust.anchorPem.trim(),
  issuerCertPem: trust.issuerCertPem.trim(),
  issuerKeyPem: trust.issuerKeyPem.trim(),
};

test("trust that is the same but for line breaks stays as it was stored", () => {
  expect(storedLayers({ overrides: stored, trust: trimmed }, now)).toEqual([stored]);
});

test("trust that was rotated in the cluster wins over the stored one", () => {
  const [, live] = storedLayers({ overrides: stored, trust: other }, now);
  expect(live).toEqual({
    identityTrustAnchorsPEM: other.anchorPem,
    identity: { issuer: { tls: { crtPEM: other.issuerCertPem, keyPEM: other.issuerKeyPem } } },
  });
});

test("an issuer that somebody else keeps is not taken over", () => {
  const overrides = { identity: { issuer: { scheme: "kubernetes.io/tls" } } };
  expect(storedLayers({ overrides, trust: other }, now)).toEqual([overrides]);
});

test("stored webhook certificates are dropped when they expire within 60 days", () => {
  const { certPem, keyPem, caPem } = generateWebhookTls("linkerd-sp-validator", "linkerd", now);
  const overrides = {
    profileValidator: { crtPEM: certPem, keyPEM: keyPem, caBundle: caPem, namespaceSelector: {} },
  };
  const day = 24 * 3_600_000;
  expect(storedLayers({ overrides, trust: null }, now + 300 * day)).toEqual([overrides]);
  expect(storedLayers({ overrides, trust: null }, now + 310 * day)).toEqual([
    { profileValidator: { namespaceSelector: {} } },
  ]);
});
