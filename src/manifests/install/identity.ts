/** linkerd-identity: issues the certificates that the mesh's identities rest on. */
import {
  concatenated,
  demand,
  equal,
  not,
  or,
  some,
  text,
  trimmed,
  unlessEmpty,
  when,
  type Tree,
} from "../template/expression.ts";
import { trustDomainExpr } from "../values.ts";
import { deployment } from "./deployment.ts";
import { allow, clusterRole, namespaced, secret, service, serviceAccount, type InstallContext } from "./labels.ts";

const component = "identity";
const name = "linkerd-identity";

export function identityManifests(context: InstallContext): readonly Tree[] {
  const { values, namespace } = context;
  const { issuer, externalCA } = values.identity;
  const grpc = { name: "grpc", port: 8080, targetPort: 8080 };
  // In scheme kubernetes.io/tls the Secret belongs to somebody else (cert-manager, usually).
  const ours = equal(issuer.scheme, "linkerd.io/tls");
  const crt = trimmed(issuer.tls.crtPEM);
  const key = trimmed(issuer.tls.keyPEM);
  const anchors = trimmed(values.identityTrustAnchorsPEM);
  return [
    ...demand(
      or(not(ours), some(crt)),
      `Value "identity.issuer.tls.crtPEM" is needed in the scheme "linkerd.io/tls": the certificate by which identities are signed`,
    ),
    ...demand(
      or(not(ours), some(key)),
      `Value "identity.issuer.tls.keyPEM" is needed in the scheme "linkerd.io/tls": the key by which identities are signed`,
    ),
    ...demand(
      or(externalCA, some(anchors)),
      `Value "identityTrustAnchorsPEM" is needed: the certificates that proxies trust`,
    ),
    ...clusterRole(context, component, {
      role: text`linkerd-${namespace}-identity`,
      account: name,
      rules: [
        allow(["authentication.k8s.io"], ["tokenreviews"], ["create"]),
        allow([""], ["events"], ["create", "patch"]),
      ],
    }),
    serviceAccount(context, component, name),
    when(ours, secret(context, component, "linkerd-identity-issuer", { "crt.pem": crt, "key.pem": key })),
    when(not(externalCA), {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: namespaced(context, component, "linkerd-identity-trust-roots"),
      data: { "ca-bundle.crt": anchors },
    }),
    service(context, component, "linkerd-identity", grpc),
    service(context, component, "linkerd-identity-headless", grpc, true),
    ...identityDeployment(context),
  ];
}

function identityDeployment(context: InstallContext): readonly Tree[] {
  const { values, namespace } = context;
  const { issuer } = values.identity;
  return deployment(context, {
    component,
    name,
    selector: "component-and-owner",
    inboundPorts: "8080,9990",
    podAnnotations: values.identity.podAnnotations,
    proxyResources: values.identityProxyResources,
    // The proxy gets its certificate from the program in its own pod: it can't be held back for it, nor the other way.
    // It also can't ask for policies, so that TLS on the identity port is its own setting.
    ownProxy: { await: false, nativeSidecar: false, requireTLSOnInboundPorts: "8080" },
    containers: [
      {
        name: "identity",
        args: [
          "identity",
          text`--log-level=${values.controllerLogLevel}`,
          text`--log-format=${values.controllerLogFormat}`,
          text`--controller-namespace=${namespace}`,
          text`--identity-trust-domain=${trustDomainExpr(values)}`,
          text`--identity-issuance-lifetime=${issuer.issuanceLifetime}`,
          text`--identity-clock-skew-allowance=${issuer.clockSkewAllowance}`,
          text`--identity-scheme=${issuer.scheme}`,
          when(not(values.identity.serviceAccountTokenProjection), "--accept-default-audience"),
        ],
        env: unlessEmpty(concatenated(values.identity.additionalEnv, values.identity.experimentalEnv)),
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
