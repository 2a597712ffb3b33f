/** Link: another cluster whose Services are mirrored here. Installed by `linkerd multicluster install`, not with the core. */
import { ageColumn, crd } from "./definition.ts";
import { array, condition, labelSelector, object, string, text } from "./schema.ts";

const probe = object({
  path: string(),
  port: string(),
  period: string(),
  failureThreshold: string({ default: "3" }),
  timeout: string({ default: "30s", format: "duration" }),
});
const probeBefore = object({ path: string(), port: string(), period: string() });

const target = {
  targetClusterName: string(),
  targetClusterDomain: string(),
  targetClusterLinkerdNamespace: string(),
  clusterCredentialsSecret: string(),
  gatewayAddress: string(),
  gatewayPort: string(),
  gatewayIdentity: string(),
};

const resource = object({
  group: string({ maxLength: 253 }),
  kind: text(1, 63),
  name: text(1, 253),
  namespace: text(1, 63),
});
const service = object({
  conditions: array(condition(false)),
  controllerName: text(1, 253),
  localRef: resource,
  "remoteRef*": resource,
});
const status = object({ mirrorServices: array(service), federatedServices: array(service) });
const columns = [{ name: "Cluster", type: "string", jsonPath: ".spec.targetClusterName" } as const, ageColumn];

export const link = crd(
  { group: "multicluster.linkerd.io", kind: "Link", plural: "links" },
  [
    {
      name: "v1alpha1",
      deprecatedFor: "v1alpha3",
      spec: object({
        ...target,
        probeSpec: probeBefore,
        selector: labelSelector(),
        remoteDiscoverySelector: labelSelector(),
      }),
      columns,
    },
    {
      name: "v1alpha2",
      spec: object({
        ...target,
        probeSpec: probe,
        selector: labelSelector(),
        remoteDiscoverySelector: labelSelector(),
        federatedServiceSelector: labelSelector(),
      }),
      status,
      columns,
    },
    {
      name: "v1alpha3",
      storage: true,
      spec: object({
        ...target,
        probeSpec: probe,
        selector: labelSelector(),
        remoteDiscoverySelector: labelSelector(),
        federatedServiceSelector: labelSelector(),
        excludedAnnotations: array(string()),
        excludedLabels: array(string()),
      }),
      status,
      columns,
    },
  ],
  "multicluster",
);
