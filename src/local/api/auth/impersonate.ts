/** `kubectl --as`: acting as somebody else, when the real user may (Kubernetes "User impersonation"). */
import type { User } from "../context.ts";
import { badRequest, forbidden } from "../status-error.ts";
import type { Authorizer } from "./rbac.ts";
import { denial } from "./rbac.ts";

/** The user to act as; the same user when no impersonation was asked for. Throws 403. */
export function impersonated(headers: Headers, user: User, authorizer: Authorizer): User {
  const name = headers.get("impersonate-user");
  const groups = (headers.get("impersonate-group") ?? "")
    .split(",")
    .map((group) => group.trim())
    .filter((group) => group !== "");
  if (name === null) {
    if (groups.length > 0) throw badRequest("Impersonate-Group was requested without impersonating a user");
    return user;
  }
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name);
  const [namespace = "", accountName = ""] = account?.slice(1) ?? [];
  if (account === null) assertMay(authorizer, user, "users", "", name);
  else assertMay(authorizer, user, "serviceaccounts", namespace, accountName);
  for (const group of groups) assertMay(authorizer, user, "groups", "", group);
  const implied = account === null ? [] : ["system:serviceaccounts", `system:serviceaccounts:${namespace}`];
  return { name, groups: [...new Set([...groups, ...implied, "system:authenticated"])] };
}

function assertMay(authorizer: Authorizer, user: User, resource: string, namespace: string, name: string): void {
  const wanted = {
    kind: "resource",
    verb: "impersonate",
    group: "",
    resource,
    subresource: "",
    namespace,
    name,
  } as const;
  if (!authorizer.allows(user, wanted)) throw forbidden(wanted, name, denial(user, wanted));
}
