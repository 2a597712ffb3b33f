import { expect, test } from "bun:test";
import { certificatePem, parseCertificatePem, verifyChain } from "#lib/x509/certificate.ts";
import { createIssuer, createRoot, validFor } from "#lib/x509/sign.ts";
import { renderInstall } from "./render-install.ts";
import { checkTrust, generateTrust, generateWebhookTls } from "./trust.ts";

const now = Date.UTC(2026, 0, 1);
const day = 24 * 3600 * 1000;
const made = generateTrust({ controlPlaneNamespace: "linkerd", trustDomain: "cluster.local", now });

test("a made authority is anchor and issuer for a year", () => {
  expect(made.issuerCertPem).toBe(made.anchorPem);
  const { issuer } = checkTrust(made, now);
  expect(issuer.subjectCn).toBe("identity.linkerd.cluster.local");
  expect(issuer.notAfter).toBe(now + 365 * day + 20_000);
});

test("trust that could not issue is refused with the reason", () => {
  const root = createRoot("root", validFor(now, 365 * day));
  const issuer = createIssuer(root, "issuer", validFor(now, day));
  const good = {
    anchorPem: certificatePem(root.certificate),
    issuerCertPem: certificatePem(issuer.certificate),
    issuerKeyPem: issuer.key.privateKeyPem,
  };
  expect(() => checkTrust(good, now)).not.toThrow();
  expect(() => checkTrust(good, now + 2 * day)).toThrow(/does not hold against the trust anchors: .* expired at/);
  expect(() => checkTrust({ ...good, anchorPem: made.anchorPem }, now)).toThrow('unknown authority "root"');
  expect(() => checkTrust({ ...good, issuerKeyPem: made.issuerKeyPem }, now)).toThrow(
    "does not belong to the issuer certificate",
  );
  expect(() => checkTrust({ ...good, issuerKeyPem: "nonsense" }, now)).toThrow("private key can't be used");
  expect(() => checkTrust({ ...good, issuerCertPem: "nonsense" }, now)).toThrow("The issuer certificate can't be read");
});

test("a webhook's certificate holds for its Service's name and nothing signs with its authority again", () => {
  const tls = generateWebhookTls("linkerd-proxy-injector", "linkerd", now);
  const leaf = parseCertificatePem(tls.certPem);
  expect(leaf.dnsNames).toEqual(["linkerd-proxy-injector.linkerd.svc"]);
  verifyChain(leaf, [], [parseCertificatePem(tls.caPem)], now);
});

test("install makes what it was not given, and checks what it was", () => {
  const { values, manifests } = renderInstall({ version: "v1", now });
  expect(values.identityTrustAnchorsPEM).toStartWith("-----BEGIN CERTIFICATE-----");
  expect(manifests.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toContain(
    "Secret/linkerd-config-overrides",
  );
  const tls = { crtPEM: made.issuerCertPem, keyPEM: made.issuerKeyPem };
  const given = { identityTrustAnchorsPEM: made.anchorPem, identity: { issuer: { tls } } };
  expect(renderInstall({ version: "v1", now, layers: [given] }).values.identityTrustAnchorsPEM).toBe(made.anchorPem);
  expect(() => renderInstall({ version: "v1", now, layers: [{ identityTrustAnchorsPEM: made.anchorPem }] })).toThrow(
    "issuer certificate can't be read",
  );
  expect(() => renderInstall({ version: "v1", now: now + 400 * day, layers: [given] })).toThrow("expired at");
});
