/** Resources that are questions, not objects: POST only, nothing is stored. */

export interface ReviewResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const authentication = "authentication.k8s.io";
const authorization = "authorization.k8s.io";

export const reviewResources: readonly ReviewResource[] = [
  { group: authentication, version: "v1", resource: "tokenreviews", kind: "TokenReview", namespaced: false },
  {
    group: authentication,
    version: "v1",
    resource: "selfsubjectreviews",
    kind: "SelfSubjectReview",
    namespaced: false,
  },
  {
    group: authorization,
    version: "v1",
    resource: "subjectaccessreviews",
    kind: "SubjectAccessReview",
    namespaced: false,
  },
  {
    group: authorization,
    version: "v1",
    resource: "selfsubjectaccessreviews",
    kind: "SelfSubjectAccessReview",
    namespaced: false,
  },
  {
    group: authorization,
    version: "v1",
    resource: "localsubjectaccessreviews",
    kind: "LocalSubjectAccessReview",
    namespaced: true,
  },
  {
    group: authorization,
    version: "v1",
    resource: "selfsubjectrulesreviews",
    kind: "SelfSubjectRulesReview",
    namespaced: false,
  },
];

export function findReview(group: string, version: string, resource: string): ReviewResource | null {
  return (
    reviewResources.find(
      (entry) => entry.group === group && entry.version === version && entry.resource === resource,
    ) ?? null
  );
}
