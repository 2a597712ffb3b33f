import { expect, test } from "bun:test";
import { renderControlPlane } from "./install.ts";
import { expectGolden } from "./testing/golden.ts";
import { testCerts, testIssuer, testValues } from "./testing/fixtures.ts";
import { toYaml } from "./yaml.ts";
import { highAvailabilityLayer } from "./values.ts";
import type { Json } from "./json.ts";

function render(...layers: Json[]): string {
  return toYaml(
    renderControlPlane(testValues(testIssuer, ...layers), {
      namespace: "linkerd",
      createdBy: "linkerd/cli test-version",
      overrides: {},
    }),
  );
}

test("the default control plane", () => {
  expectGolden("install.default.golden.yaml", render());
});

test("the control plane with --ha", () => {
  expectGolden("install.ha.golden.yaml", render(highAvailabilityLayer));
});

test("the control plane under the CNI plugin, without native sidecars, with IPv6 and external certificates", () => {
  expectGolden(
    "install.options.golden.yaml",
    render(testCerts, {
      cniEnabled: true,
      disableIPv6: false,
      proxy: { nativeSidecar: false },
      identity: { externalCA: true, issuer: { scheme: "kubernetes.io/tls" } },
      proxyInjector: { injectCaFrom: "linkerd/injector", externalSecret: true },
      commonLabels: { team: "mesh" },
    }),
  );
});

test("the control plane with cert-manager, trust-manager and monitors of the Prometheus Operator", () => {
  expectGolden(
    "install.operators.golden.yaml",
    render({
      podMonitor: { enabled: true, labels: { release: "prometheus" } },
      certManager: { enabled: true },
      identity: { externalCA: true, issuer: { scheme: "kubernetes.io/tls" } },
    }),
  );
});

test("no private key reaches the ConfigMap that anybody may read", () => {
  const config = render()
    .split("---\n")
    .find((document) => document.includes("name: linkerd-config\n") && document.includes("kind: ConfigMap"));
  expect(config).toBeDefined();
  expect(config).not.toContain("issuer key");
});

test("rendering twice gives the same text", () => {
  expect(render()).toBe(render());
});
