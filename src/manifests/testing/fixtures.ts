/** Fixed values and certificates, so that outputs can be compared as text. */
import type { Json, JsonObject } from "../json.ts";
import type { InjectContext } from "../inject/inject-pod.ts";
import { resolveValues, type Values } from "../values.ts";

/** Not a certificate: only its text matters. */
export const anchors = "-----BEGIN CERTIFICATE-----\nYW5jaG9y\n-----END CERTIFICATE-----";

export function testValues(...layers: Json[]): Values {
  return resolveValues({ linkerdVersion: "test-version", identityTrustAnchorsPEM: anchors }, ...layers);
}

export function testContext(changes: Partial<InjectContext> = {}): InjectContext {
  return {
    values: testValues(),
    controlPlaneNamespace: "linkerd",
    origin: "webhook",
    namespaceAnnotations: { "linkerd.io/inject": "enabled" },
    namespace: "emojivoto",
    owner: { kind: "Deployment", name: "web" },
    createdBy: "linkerd/proxy-injector test-version",
    object: "deployment/web",
    ...changes,
  };
}

const tls = (name: string): JsonObject => ({
  crtPEM: `cert of ${name}`,
  keyPEM: `key of ${name}`,
  caBundle: `authority of ${name}`,
});

/** An issuer; not a real one. */
export const testIssuer: JsonObject = {
  identity: { issuer: { tls: { crtPEM: "issuer certificate", keyPEM: "issuer key" } } },
};

/** Webhook certificates; not real ones. */
export const testCerts: JsonObject = {
  proxyInjector: tls("proxy-injector"),
  profileValidator: tls("sp-validator"),
  policyValidator: tls("policy-validator"),
};
