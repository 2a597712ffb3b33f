/** linkerd-identity: issues the certificates that the mesh's identities rest on. */
import { MeshError } from "#lib/errors.ts";
import type { JsonObject, Manifest } from "../json.ts";
import { trustDomainOf } from "../values.ts";
import { deployment } from "./deployment.ts";
import { allow, clusterRole, namespaced, secret, service, serviceAccount, type InstallContext } from "./labels.ts";

const component = "identity";
const name = "linkerd-identity";

export function identityManifests(context: InstallContext): Manifest[] {
  const { values, namespace } = context;
  const { issuer } = values.identity;
  const grpc = { name: "grpc", port: 8080, targetPort: 8080 };
  const manifests: Manifest[] = [
    ...clusterRole(context, component, {
      role: `linkerd-${namespace}-identity`,
      account: name,
      rules: [
        allow(["authentication.k8s.io"], ["tokenreviews"], ["create"]),
        allow([""], ["events"], ["create", "patch"]),
      ],
    }),
    serviceAccount(context, component, name),
  ];
  // In scheme kubernetes.io/tls the Secret belongs to somebody else (cert-manager, usually).
  if (issuer.scheme === "linkerd.io/tls") {
    const { crtPEM, keyPEM } = issuer.tls;
    if (crtPEM.trim() === "" || keyPEM.trim() === "") {
      throw new MeshError(
        "invalid-argument",
        `Values "identity.issuer.tls.crtPEM" and "identity.issuer.tls.keyPEM" are needed in the scheme "linkerd.io/tls"`,
      );
    }
    manifests.push(
      secret(context, component, "linkerd-identity-issuer", { "crt.pem": crtPEM.trim(), "key.pem": keyPEM.trim() }),
    );
  }
  if (!values.identity.externalCA) {
    const anchors = values.identityTrustAnchorsPEM.trim();
    if (anchors === "") {
      throw new MeshError(
        "invalid-argument",
        `Value "identityTrustAnchorsPEM" is needed: the certificates that proxies trust`,
      );
    }
    manifests.push({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: namespaced(context, component, "linkerd-identity-trust-roots"),
      data: { "ca-bundle.crt": anchors },
    });
  }
  return [
    ...manifests,
    service(context, component, "linkerd-identity", grpc),
    service(context, component, "linkerd-identity-headless", grpc, true),
    ...identityDeployment(context),
  ];
}

function identityDeployment(context: InstallContext): Manifest[] {
  const { values, namespace } = context;
  const { issuer } = values.identity;
  const env: JsonObject[] = [...values.identity.additionalEnv, ...values.identity.experimentalEnv];
  return deployment(context, {
    component,
    name,
    selector: "component-and-owner",
    inboundPorts: "8080,9990",
    podAnnotations: values.identity.podAnnotations,
    proxyResources: values.identityProxyResources,
    // The proxy gets its certificate from the program in its own pod: it can't be held back for it, nor the other way.
    // It also can't ask for policies, so that TLS on the identity port is its own setting.
    adjustProxy({ values: { proxy } }) {
      proxy.await = false;
      proxy.nativeSidecar = false;
      proxy.requireTLSOnInboundPorts = "8080";
    },
    containers: [
      {
        name: "identity",
        args: [
          "identity",
          `--log-level=${values.controllerLogLevel}`,
          `--log-format=${values.controllerLogFormat}`,
          `--controller-namespace=${namespace}`,
          `--identity-trust-domain=${trustDomainOf(values)}`,
          `--identity-issuance-lifetime=${issuer.issuanceLifetime}`,
          `--identity-clock-skew-allowance=${issuer.clockSkewAllowance}`,
          `--identity-scheme=${issuer.scheme}`,
          ...(values.identity.serviceAccountTokenProjection ? [] : ["--accept-default-audience"]),
        ],
        env,
        ports: [
          { name: "ident-grpc", containerPort: 8080 },
          { name: "ident-admin", containerPort: 9990 },
        ],
        adminPort: 9990,
        probes: values.identity,
        resources: values.identityResources,
        mounts: [
          { mountPath: "/var/run/linkerd/identity/issuer", name: "identity-issuer" },
          { mountPath: "/var/run/linkerd/identity/trust-roots/", name: "trust-roots" },
        ],
      },
    ],
    volumes: [
      { name: "identity-issuer", secret: { secretName: "linkerd-identity-issuer" } },
      { name: "trust-roots", configMap: { name: "linkerd-identity-trust-roots" } },
    ],
  });
}
