/** Whether somebody may look into a resource: the API server is asked for each request. */
import type { KubeClient } from "#kube/client.ts";
import type { Resource } from "#kube/resource.ts";
import { tapGroup, tapPlurals, tapVersion } from "../client/tap-request.ts";
import type { ResourceRef } from "../metrics/resource.ts";
import type { RemoteUser } from "./front-proxy.ts";

const subjectAccessReviews: Resource = {
  group: "authorization.k8s.io",
  version: "v1",
  plural: "subjectaccessreviews",
  kind: "SubjectAccessReview",
  namespaced: false,
};

export type Verdict = { readonly allowed: true } | { readonly allowed: false; readonly message: string };

/** Throws when the API server can't be asked; then nobody may. */
export async function mayTap(
  client: Pick<KubeClient, "create">,
  user: RemoteUser,
  { kind, name, namespace }: ResourceRef,
): Promise<Verdict> {
  const resource = tapPlurals.get(kind) ?? kind;
  const scope = (kind === "namespace" ? name : namespace) ?? "";
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    spec: {
      user: user.name,
      groups: user.groups,
      ...(user.uid === "" ? {} : { uid: user.uid }),
      ...(Object.keys(user.extra).length === 0 ? {} : { extra: user.extra }),
      resourceAttributes: {
        namespace: scope,
        verb: "watch",
        group: tapGroup,
        version: tapVersion,
        resource,
        subresource: "tap",
        name: name ?? "",
      },
    },
  };
  const { status } = await client.create<{
    readonly status?: { readonly allowed?: boolean; readonly denied?: boolean; readonly reason?: string };
  }>(subjectAccessReviews, review);
  if (status?.allowed === true && status.denied !== true) return { allowed: true };
  const why = status?.reason === undefined || status.reason === "" ? "" : `: ${status.reason}`;
  return {
    allowed: false,
    message: `User "${user.name}" cannot watch resource "${resource}/tap" in API group "${tapGroup}" in the namespace "${scope}"${why}`,
  };
}
