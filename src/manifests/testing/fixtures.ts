/** Fixed values and certificates, so that outputs can be compared as text. */
import type { Json } from "../json.ts";
import type { InjectContext } from "../inject/inject-pod.ts";
import type { WebhookCerts } from "../install.ts";
import type { WebhookTls } from "../install/webhook.ts";
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

function tls(name: string): WebhookTls {
  return { certPem: `cert of ${name}`, keyPem: `key of ${name}`, caPem: `authority of ${name}` };
}

export const testCerts: WebhookCerts = {
  proxyInjector: tls("proxy-injector"),
  validators: { profileValidator: tls("sp-validator"), policyValidator: tls("policy-validator") },
};
