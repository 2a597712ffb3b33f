/** Labels, annotations and small shared pieces of the control plane's objects. */
import {
  base64,
  merged,
  some,
  when,
  type Expr,
  type Expressions,
  type Tree,
  type TreeObject,
} from "../template/expression.ts";
import type { Values } from "../values.ts";

/** What every renderer gets: the effective values and where the control plane lives. */
export interface InstallContext {
  readonly values: Expressions<Values>;
  /** The control plane's namespace, "linkerd" by default. */
  readonly namespace: Expr<string>;
  /** For `linkerd.io/created-by`: "linkerd/cli VERSION" or "linkerd/helm VERSION". */
  readonly createdBy: Expr<string>;
}

export type Component = "identity" | "destination" | "proxy-injector" | "controller";

export function componentLabels(context: InstallContext, component: Component): Tree {
  return merged(ownLabels(context, component), context.values.commonLabels);
}

function ownLabels({ namespace }: InstallContext, component: Component): Record<string, Expr<string>> {
  return { "linkerd.io/control-plane-component": component, "linkerd.io/control-plane-ns": namespace };
}

/** The component's labels with more of its own; the user's come last. */
export const labelsWith = (context: InstallContext, component: Component, more: Record<string, Expr<string>>): Tree =>
  merged(more, ownLabels(context, component), context.values.commonLabels);

export const createdByAnnotations = ({ createdBy }: InstallContext): Record<string, Expr<string>> => ({
  "linkerd.io/created-by": createdBy,
});

/** Metadata of an object in the control plane's namespace. */
export function namespaced(context: InstallContext, component: Component, name: Expr<string>): TreeObject {
  return {
    name,
    namespace: context.namespace,
    labels: componentLabels(context, component),
    annotations: createdByAnnotations(context),
  };
}

/** Metadata of a cluster-wide object. */
export function clusterWide(context: InstallContext, component: Component, name: Expr<string>): TreeObject {
  return { name, labels: componentLabels(context, component) };
}

export function serviceAccount(context: InstallContext, component: Component, name: string): Tree {
  const { imagePullSecrets } = context.values;
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name, namespace: context.namespace, labels: componentLabels(context, component) },
    imagePullSecrets: when(some(imagePullSecrets), imagePullSecrets),
  };
}

/** A rule of a Role: API groups, resources and verbs. */
export function allow(groups: readonly string[], resources: readonly string[], verbs: readonly string[]): TreeObject {
  return { apiGroups: [...groups], resources: [...resources], verbs: [...verbs] };
}

export const readVerbs = ["get", "list", "watch"] as const;

/** A ClusterRole and the binding that gives it to a ServiceAccount of the control plane. */
export function clusterRole(
  context: InstallContext,
  component: Component,
  {
    role,
    binding = role,
    account,
    rules,
  }: { role: Expr<string>; binding?: Expr<string>; account: string; rules: readonly Tree[] },
): readonly Tree[] {
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

/** A Role in the control plane's namespace. */
export function namespacedRole(
  context: InstallContext,
  component: Component,
  name: string,
  rules: readonly Tree[],
): Tree {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name, namespace: context.namespace, labels: componentLabels(context, component) },
    rules,
  };
}

/** Gives a Role of the control plane's namespace to somebody. */
export function roleBinding(
  context: InstallContext,
  component: Component,
  { role, binding, subjects }: { role: string; binding: string; subjects: readonly Tree[] },
): TreeObject {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: binding, namespace: context.namespace, labels: componentLabels(context, component) },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role },
    subjects,
  };
}

/** A Service of the component with one port; `headless` ones resolve to the pods themselves. */
export function service(
  context: InstallContext,
  component: Component,
  name: string,
  port: { readonly name: string; readonly port: number; readonly targetPort: number | string },
  headless = false,
  annotations: Record<string, string> = {},
): Tree {
  const metadata = namespaced(context, component, name);
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { ...metadata, annotations: { ...createdByAnnotations(context), ...annotations } },
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
  data: Readonly<Record<string, Expr<string>>>,
  type?: string,
): TreeObject {
  const encoded = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, base64(value)]));
  return { apiVersion: "v1", kind: "Secret", metadata: namespaced(context, component, name), type, data: encoded };
}
