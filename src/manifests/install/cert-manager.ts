/**
 * Certificates by cert-manager and anchors by trust-manager, for those who have both: with `certManager.enabled` nothing
 * secret is in the values, and everything is renewed by itself.
 *
 *     self-signed issuer → trust anchor (Secret in cert-manager's namespace) → ClusterIssuer → issuer of identities
 *                                  └ Bundle → ConfigMap linkerd-identity-trust-roots        └→ webhooks' certificates
 *
 * It must be a ClusterIssuer: trust-manager reads the anchor only beside cert-manager, the control plane needs its issuer in its
 * own namespace. charts/README.md says whom else it serves.
 *
 * https://cert-manager.io/docs/reference/api-docs/ and https://cert-manager.io/docs/trust/trust-manager/api-reference/
 */
import { text, when, type Expr, type Tree, type TreeObject } from "../template/expression.ts";
import { trustDomainExpr } from "../values.ts";
import { clusterWide, namespaced, type Component, type InstallContext } from "./labels.ts";
import { webhookSecretOf } from "./webhook.ts";

const anchorName = "linkerd-trust-anchor";
const rootIssuerName = "linkerd-trust-root-issuer";
const key = { algorithm: "ECDSA", size: 256, rotationPolicy: "Always" };
const signing = ["cert sign", "crl sign", "server auth", "client auth"];

export function certManagerManifests(context: InstallContext): readonly Tree[] {
  const { namespace, values } = context;
  const { certManager } = values;
  const trustDomain = trustDomainExpr(values);
  const inCertManager = (name: string): TreeObject => ({
    ...namespaced(context, "identity", name),
    namespace: certManager.namespace,
  });
  const objects: Tree[] = [
    {
      apiVersion: "cert-manager.io/v1",
      kind: "Issuer",
      metadata: inCertManager(rootIssuerName),
      spec: { selfSigned: {} },
    },
    {
      apiVersion: "cert-manager.io/v1",
      kind: "Certificate",
      metadata: inCertManager(anchorName),
      spec: {
        secretName: anchorName,
        issuerRef: { kind: "Issuer", name: rootIssuerName },
        isCA: true,
        commonName: text`root.linkerd.${trustDomain}`,
        duration: certManager.anchorDuration,
        // The same key each time: what the old anchor signed holds under the new one, so that nothing breaks between
        // its renewal and theirs. A new key is a rotation, which takes a bundle of both for a while.
        privateKey: { ...key, rotationPolicy: "Never" },
      },
    },
    {
      apiVersion: "cert-manager.io/v1",
      kind: "ClusterIssuer",
      metadata: clusterWide(context, "identity", anchorName),
      spec: { ca: { secretName: anchorName } },
    },
    {
      apiVersion: "cert-manager.io/v1",
      kind: "Certificate",
      metadata: namespaced(context, "identity", "linkerd-identity-issuer"),
      spec: {
        secretName: "linkerd-identity-issuer",
        issuerRef: { kind: "ClusterIssuer", name: anchorName },
        isCA: true,
        commonName: text`identity.${namespace}.${trustDomain}`,
        dnsNames: [text`identity.${namespace}.${trustDomain}`],
        duration: certManager.issuerDuration,
        privateKey: key,
        usages: signing,
      },
    },
    {
      apiVersion: "trust.cert-manager.io/v1alpha1",
      kind: "Bundle",
      // It names the ConfigMap that it makes, too.
      metadata: clusterWide(context, "identity", "linkerd-identity-trust-roots"),
      spec: {
        sources: [{ secret: { name: anchorName, key: "ca.crt" } }],
        target: {
          configMap: { key: "ca-bundle.crt" },
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
        },
      },
    },
    webhookCertificate(context, "proxy-injector", "linkerd-proxy-injector"),
    webhookCertificate(context, "destination", "linkerd-sp-validator"),
    webhookCertificate(context, "destination", "linkerd-policy-validator"),
  ];
  return objects.map((object) => when(certManager.enabled, object));
}

function webhookCertificate(context: InstallContext, component: Component, service: string): Tree {
  const host: Expr<string> = text`${service}.${context.namespace}.svc`;
  return {
    apiVersion: "cert-manager.io/v1",
    kind: "Certificate",
    metadata: namespaced(context, component, webhookSecretOf(service)),
    spec: {
      secretName: webhookSecretOf(service),
      issuerRef: { kind: "ClusterIssuer", name: anchorName },
      commonName: host,
      dnsNames: [host],
      duration: context.values.certManager.webhookDuration,
      privateKey: key,
      usages: ["server auth"],
    },
  };
}
