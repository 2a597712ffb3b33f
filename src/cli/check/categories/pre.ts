/** Before an installation: is the place free, and may we create what we need? */
import { MeshError } from "#lib/errors.ts";
import type { KubeClient } from "#kube/client.ts";
import { resources, type Resource } from "#kube/resource.ts";
import type { SelfSubjectAccessReview } from "#kube/types/authentication.ts";
import type { KubeObject } from "#kube/types/meta.ts";
import type { Category, Check } from "../check.ts";

async function mayI(client: KubeClient, verb: string, resource: Resource, namespace: string, name = ""): Promise<void> {
  const review: SelfSubjectAccessReview = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: {
      resourceAttributes: {
        verb,
        group: resource.group,
        version: resource.version,
        resource: resource.plural,
        ...(resource.namespaced ? { namespace } : {}),
        ...(name === "" ? {} : { name }),
      },
    },
  };
  const { status } = await client.create<SelfSubjectAccessReview>(resources.selfSubjectAccessReviews, review);
  if (status?.allowed === true) return;
  const reason = status?.reason === undefined || status.reason === "" ? "" : `: ${status.reason}`;
  throw new MeshError("permission-denied", `not authorized to ${verb} ${resource.plural}.${resource.group}${reason}`);
}

function canCreate(description: string, ...kinds: readonly Resource[]): Check {
  return {
    id: kinds.some((kind) => !kind.namespaced) ? "pre-k8s-cluster-k8s" : "pre-k8s",
    description,
    run: async ({ client, linkerdNamespace }) => {
      for (const kind of kinds) await mayI(client(), "create", kind, linkerdNamespace);
    },
  };
}

interface LeaseLike extends KubeObject {
  readonly spec?: { readonly renewTime?: string };
}

/** A node renews its lease every few seconds; more than this is no late renewal, ms. */
const maxSkewMs = 5 * 60_000 + 20_000;

export const preKubernetesSetup: Category = {
  id: "pre-kubernetes-setup",
  checks: [
    {
      id: "pre-ns",
      description: "control plane namespace does not already exist",
      run: async ({ client, linkerdNamespace }) => {
        const found = await client().find(resources.namespaces, linkerdNamespace);
        if (found !== null) throw new MeshError("conflict", `The "${linkerdNamespace}" namespace already exists`);
      },
    },
    canCreate(
      "can create non-namespaced resources",
      resources.namespaces,
      resources.clusterRoles,
      resources.clusterRoleBindings,
      resources.customResourceDefinitions,
    ),
    canCreate("can create ServiceAccounts", resources.serviceAccounts),
    canCreate("can create Services", resources.services),
    canCreate("can create Deployments", resources.deployments),
    canCreate("can create CronJobs", resources.cronJobs),
    canCreate("can create ConfigMaps", resources.configMaps),
    canCreate("can create Secrets", resources.secrets),
    {
      id: "pre-k8s",
      description: "can read Secrets",
      run: async ({ client, linkerdNamespace }) => mayI(client(), "get", resources.secrets, linkerdNamespace),
    },
    {
      id: "pre-k8s",
      description: "can read extension-apiserver-authentication configmap",
      run: async ({ client }) =>
        mayI(client(), "get", resources.configMaps, "kube-system", "extension-apiserver-authentication"),
    },
    {
      id: "pre-k8s-clock-skew",
      description: "no clock skew detected",
      warning: true,
      run: async ({ client, wall }) => {
        const { items } = await client().list<LeaseLike>(resources.leases, { namespace: "kube-node-lease" });
        const skewed = items
          .filter(({ spec }) => Math.abs(wall() - Date.parse(spec?.renewTime ?? "")) > maxSkewMs)
          .map(({ metadata }) => metadata.name);
        if (skewed.length > 0)
          throw new MeshError("environment", `clock skew detected for node(s): ${skewed.join(", ")}`);
      },
    },
  ],
};
