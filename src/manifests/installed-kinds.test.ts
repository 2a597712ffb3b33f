import { expect, test } from "bun:test";
import { renderCrds } from "./crds.ts";
import { clusterWideKinds, installedSelector, namespacedKinds } from "./installed-kinds.ts";
import { renderInstall } from "./render-install.ts";

test("uninstall finds every object that install makes, by kind and by label", () => {
  const { manifests } = renderInstall({
    version: "v1",
    now: Date.UTC(2026, 0, 1),
    highAvailability: true,
  });
  const more = renderInstall({
    version: "v1",
    now: Date.UTC(2026, 0, 1),
    layers: [
      {
        podMonitor: { enabled: true },
        certManager: { enabled: true },
        identity: { externalCA: true, issuer: { scheme: "kubernetes.io/tls" } },
      },
    ],
  }).manifests;
  const crds = renderCrds({ controlPlaneNamespace: "linkerd", createdBy: "test" });
  const known = [...clusterWideKinds, ...namespacedKinds];
  const [label = "", value = ""] = installedSelector("linkerd").split("=");
  for (const { apiVersion, kind, metadata } of [...manifests, ...more, ...crds]) {
    const found = known.find((candidate) => candidate.kind === kind && candidate.apiVersion === apiVersion);
    expect([kind, found?.namespaced]).toEqual([kind, metadata.namespace !== undefined]);
    expect([kind, metadata.name, metadata.labels?.[label]]).toEqual([kind, metadata.name, value]);
  }
});
