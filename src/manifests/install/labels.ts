/** Labels, annotations and small shared pieces of the control plane's objects. */
import type { Manifest, ManifestMetadata, JsonObject } from "../json.ts";
import type { Values } from "../values.ts";

/** What every renderer gets: the effective values and where the control plane lives. */
export interface InstallContext {
  readonly values: Values;
  /** The control plane's namespace, "linkerd" by default. */
  readonly namespace: string;
  /** For `linkerd.io/created-by`: "linkerd/cli VERSION" or "linkerd/helm VERSION". */
  readonly createdBy: string;
}

export type Component = "identity" | "destination" | "proxy-injector" | "controller";

export function componentLabels({ values, namespace }: InstallContext, component: Component): Record<string, string> {
  return {
    "linkerd.io/control-plane-component": component,
    "linkerd.io/control-plane-ns": namespace,
    ...values.commonLabels,
  };
}

export const createdByAnnotations = ({ createdBy }: InstallContext): Record<string, string> => ({
  "linkerd.io/created-by": createdBy,
});

/** Metadata of an object in the control plane's namespace. */
export function namespaced(context: InstallContext, component: Component, name: string): ManifestMetadata {
  return {
    name,
    namespace: context.namespace,
    labels: componentLabels(context, component),
    annotations: createdByAnnotations(context),
  };
}

/** Metadata of a cluster-wide object. */
export function clusterWide(context: InstallContext, component: Component, name: string): ManifestMetadata {
  return { name, labels: componentLabels(context, component) };
}

export function serviceAccount(context: InstallContext, component: Component, name: string): Manifest {
  const { imagePullSecrets } = context.values;
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name, namespace: context.namespace, labels: componentLabels(context, component) },
    imagePullSecrets: imagePullSecrets.length > 0 ? imagePullSecrets.map(({ name }) => ({ name })) : undefined,
  };
}

/** A rule of a Role: API groups, resources and verbs. */
export function allow(groups: readonly string[], resources: readonly string[], verbs: readonly string[]): JsonObject {
  return { apiGroups: [...groups], resources: [...resources], verbs: [...verbs] };
}

export const readVerbs = ["get", "list", "watch"] as const;

/** A ClusterRole and the binding that gives it to a ServiceAccount of the control plane. */
export function clusterRole(
  context: InstallContext,
  component: Component,
  { role, binding = role, account, rules }: { role: string; binding?: string; account: string; rules: JsonObject[] },
): Manifest[] {
  return [
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: clusterWide(context, component, role),
      rules,
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: clusterWide(context, component, binding),
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
      subjects: [{ kind: "ServiceAccount", name: account, namespace: context.namespace }],
    },
  ];
}

/** A Role in the control plane's namespace and its binding. */
export function namespacedRole(
  context: InstallContext,
  component: Component,
  { role, binding, subjects, rules }: { role: string; binding: string; subjects: JsonObject[]; rules: JsonObject[] },
): Manifest[] {
  const metadata = (name: string): ManifestMetadata => ({
    name,
    namespace: context.namespace,
    labels: componentLabels(context, component),
  });
  const objects: Manifest[] = [
    { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata: metadata(role), rules },
  ];
  if (subjects.length > 0) {
    objects.push({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: metadata(binding),
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role },
      subjects,
    });
  }
  return objects;
}

/** A Service of the component with one port; `headless` ones resolve to the pods themselves. */
export function service(
  context: InstallContext,
  component: Component,
  name: string,
  port: { readonly name: string; readonly port: number; readonly targetPort: number | string },
  headless = false,
): Manifest {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: namespaced(context, component, name),
    spec: {
      ...(headless ? { clusterIP: "None" } : { type: "ClusterIP" }),
      selector: { "linkerd.io/control-plane-component": component },
      ports: [{ ...port }],
    },
  };
}

export function secret(
  context: InstallContext,
  component: Component,
  name: string,
  data: Readonly<Record<string, string>>,
  type?: string,
): Manifest {
  const encoded: Record<string, string> = {};
  for (const [key, value] of Object.entries(data)) encoded[key] = base64(value);
  return { apiVersion: "v1", kind: "Secret", metadata: namespaced(context, component, name), type, data: encoded };
}

export const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");
