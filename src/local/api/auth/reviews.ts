/** TokenReview and the access reviews: questions that are answered and not stored. */
import type { Context } from "../context.ts";
import type { User } from "../context.ts";
import { decode } from "../schema/decode.ts";
import type { Types } from "../schema/notation.ts";
import { badRequest } from "../status-error.ts";
import type { Authenticator } from "./authenticator.ts";
import type { Attributes, Authorizer } from "./rbac.ts";

type Rec = Record<string, unknown>;

export interface ReviewParts {
  readonly types: Types;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  /** The audience of tokens for the API server itself. */
  readonly issuer: string;
}

function userObject(user: User): Rec {
  return {
    username: user.name,
    groups: user.groups,
    ...(user.uid === undefined ? {} : { uid: user.uid }),
    ...(user.extra === undefined ? {} : { extra: user.extra }),
  };
}

function tokenStatus(parts: ReviewParts, spec: Rec): Rec {
  const asked = (spec["audiences"] as string[] | undefined) ?? [];
  const audiences = asked.length > 0 ? asked : [parts.issuer];
  const token = spec["token"];
  if (typeof token !== "string" || token === "")
    throw badRequest("token is required for TokenReview in authentication");
  const found = parts.authenticator.review(token, audiences);
  if (found === null) {
    return { user: {}, error: "[invalid bearer token, token is unknown, expired, or not for one of the audiences]" };
  }
  // A static token answers for the API server only: with other audiences it authenticates nobody.
  if (!found.audiences.some((audience) => audiences.includes(audience))) {
    return {
      user: {},
      error: `[token audiences [${found.audiences.join(" ")}] is invalid for the target audiences [${audiences.join(" ")}]]`,
    };
  }
  return { authenticated: true, user: userObject(found.user), audiences: found.audiences };
}

function attributesOf(spec: Rec, namespace: string | null): Attributes {
  const path = spec["nonResourceAttributes"] as { path?: string; verb?: string } | undefined;
  if (path !== undefined) return { kind: "path", verb: path.verb ?? "", path: path.path ?? "" };
  const wanted = spec["resourceAttributes"] as Record<string, string | undefined> | undefined;
  if (wanted === undefined) {
    throw badRequest("exactly one of nonResourceAttributes or resourceAttributes must be specified");
  }
  if (namespace !== null && wanted["namespace"] !== namespace) {
    throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`);
  }
  return {
    kind: "resource",
    verb: wanted["verb"] ?? "",
    group: wanted["group"] ?? "",
    resource: wanted["resource"] ?? "",
    subresource: wanted["subresource"] ?? "",
    namespace: wanted["namespace"] ?? "",
    name: wanted["name"] ?? "",
  };
}

function accessStatus(parts: ReviewParts, user: User, wanted: Attributes): Rec {
  return parts.authorizer.allows(user, wanted) ? { allowed: true, reason: "RBAC allows it" } : { allowed: false };
}

function rulesStatus(parts: ReviewParts, user: User, namespace: string): Rec {
  const resourceRules: unknown[] = [];
  const nonResourceRules: unknown[] = [];
  const all = user.groups.includes("system:masters")
    ? [
        { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
        { verbs: ["*"], nonResourceURLs: ["*"] },
      ]
    : [...parts.authorizer.rulesFor(user, namespace)];
  for (const rule of all) {
    if (rule.nonResourceURLs !== undefined) {
      nonResourceRules.push({ verbs: rule.verbs ?? [], nonResourceURLs: rule.nonResourceURLs });
    } else {
      const {
        verbs = [],
        apiGroups = [],
        resources = [],
        resourceNames,
      } = rule as Record<string, string[] | undefined>;
      resourceRules.push({ verbs, apiGroups, resources, ...(resourceNames === undefined ? {} : { resourceNames }) });
    }
  }
  return { resourceRules, nonResourceRules, incomplete: false };
}

/** Answers a review: the object that was sent, with its status. */
export function answerReview(
  parts: ReviewParts,
  kind: string,
  version: string,
  namespace: string,
  body: unknown,
  context: Context,
): unknown {
  if (typeof body !== "object" || body === null) throw badRequest(`The body of a ${kind} must be an object`);
  const review = decode(parts.types, kind, body, version).value;
  const spec = (review["spec"] ?? {}) as Rec;
  return { ...review, kind, metadata: review["metadata"] ?? {}, status: statusOf() };

  function statusOf(): Rec {
    switch (kind) {
      case "TokenReview":
        return tokenStatus(parts, spec);
      case "SelfSubjectReview":
        return { userInfo: userObject(context.user) };
      case "SelfSubjectAccessReview":
        return accessStatus(parts, context.user, attributesOf(spec, null));
      case "SelfSubjectRulesReview":
        return rulesStatus(parts, context.user, String(spec["namespace"] ?? ""));
      default: {
        const groups = (spec["groups"] as string[] | undefined) ?? [];
        const name = String(spec["user"] ?? "");
        if (name === "" && groups.length === 0) throw badRequest("at least one of user or group must be specified");
        const local = kind === "LocalSubjectAccessReview" ? namespace : null;
        return accessStatus(parts, { name, groups }, attributesOf(spec, local));
      }
    }
  }
}
