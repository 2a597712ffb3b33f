/** Role-based access control (Kubernetes "Using RBAC Authorization"): what roles bound to a user or its groups allow. */
import type { KubeObject } from "../../store/object.ts";
import type { Store } from "../../store/store.ts";
import type { User } from "../context.ts";
import { fromObject, matchesLabels } from "../selector/label-selector.ts";

/** A question: may this user do that? */
export type Attributes =
  | {
      readonly kind: "resource";
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly subresource: string;
      /** "" for cluster-scoped resources and for all namespaces. */
      readonly namespace: string;
      readonly name: string;
    }
  | { readonly kind: "path"; readonly verb: string; readonly path: string };

export interface Rule {
  readonly verbs?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

const superusers = "system:masters";
const roles = "roles.rbac.authorization.k8s.io";
const clusterRoles = "clusterroles.rbac.authorization.k8s.io";
const roleBindings = "rolebindings.rbac.authorization.k8s.io";
const clusterRoleBindings = "clusterrolebindings.rbac.authorization.k8s.io";

function holds(list: readonly string[] | undefined, wanted: string): boolean {
  return list?.some((entry) => entry === "*" || entry === wanted) === true;
}

function pathHolds(list: readonly string[] | undefined, path: string): boolean {
  return (
    list?.some(
      (entry) => entry === "*" || entry === path || (entry.endsWith("*") && path.startsWith(entry.slice(0, -1))),
    ) === true
  );
}

export function ruleAllows(rule: Rule, wanted: Attributes): boolean {
  if (!holds(rule.verbs, wanted.verb)) return false;
  if (wanted.kind === "path") return pathHolds(rule.nonResourceURLs, wanted.path);
  if (!holds(rule.apiGroups, wanted.group)) return false;
  const full = wanted.subresource === "" ? wanted.resource : `${wanted.resource}/${wanted.subresource}`;
  const covered =
    holds(rule.resources, full) || (wanted.subresource !== "" && rule.resources?.includes(`*/${wanted.subresource}`));
  if (covered !== true) return false;
  return (rule.resourceNames?.length ?? 0) === 0 || rule.resourceNames?.includes(wanted.name) === true;
}

function concerns(subject: Subject, user: User, bindingNamespace: string): boolean {
  switch (subject.kind) {
    case "User":
      return subject.name === user.name;
    case "Group":
      return user.groups.includes(subject.name);
    default:
      return user.name === `system:serviceaccount:${subject.namespace ?? bindingNamespace}:${subject.name}`;
  }
}

export class Authorizer {
  private readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  allows(user: User, wanted: Attributes): boolean {
    if (user.groups.includes(superusers)) return true;
    const namespace = wanted.kind === "resource" ? wanted.namespace : "";
    for (const rule of this.rulesFor(user, namespace)) if (ruleAllows(rule, wanted)) return true;
    return false;
  }

  /** Every rule that holds for the user in a namespace ("": cluster-wide ones only). */
  *rulesFor(user: User, namespace: string): Generator<Rule> {
    for (const binding of this.store.list(clusterRoleBindings)) {
      if (this.binds(binding, user)) yield* this.rulesOf(binding, "");
    }
    if (namespace === "") return;
    for (const binding of this.store.list(roleBindings, namespace)) {
      if (this.binds(binding, user)) yield* this.rulesOf(binding, namespace);
    }
  }

  private binds(binding: KubeObject, user: User): boolean {
    const subjects = (binding["subjects"] ?? []) as readonly Subject[];
    return subjects.some((subject) => concerns(subject, user, binding.metadata.namespace ?? ""));
  }

  private rulesOf(binding: KubeObject, namespace: string): Rule[] {
    const { kind, name } = binding["roleRef"] as { kind: string; name: string };
    const role = kind === "Role" ? this.store.get(roles, namespace, name) : this.store.get(clusterRoles, "", name);
    if (role === null) return [];
    return [...((role["rules"] ?? []) as Rule[]), ...this.aggregated(role)];
  }

  /** Rules that an aggregated ClusterRole takes from others; they are not written back into it. */
  private aggregated(role: KubeObject): Rule[] {
    const selectors = (role["aggregationRule"] as { clusterRoleSelectors?: unknown[] } | undefined)
      ?.clusterRoleSelectors;
    if (selectors === undefined) return [];
    const compiled = selectors.map((selector) => fromObject(selector) ?? []);
    return this.store
      .list(clusterRoles)
      .filter((other) => other !== role && compiled.some((selector) => matchesLabels(selector, other.metadata.labels)))
      .flatMap((other) => (other["rules"] ?? []) as Rule[]);
  }
}

/** `User "a" cannot list resource "pods" in API group "" in the namespace "b"` */
export function denial(user: User, wanted: Attributes): string {
  if (wanted.kind === "path") return `User "${user.name}" cannot ${wanted.verb} path "${wanted.path}"`;
  const resource = wanted.subresource === "" ? wanted.resource : `${wanted.resource}/${wanted.subresource}`;
  const where = wanted.namespace === "" ? "at the cluster scope" : `in the namespace "${wanted.namespace}"`;
  return `User "${user.name}" cannot ${wanted.verb} resource "${resource}" in API group "${wanted.group}" ${where}`;
}
