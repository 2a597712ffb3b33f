/** What each ServiceAccount of the mesh may do at most: what Linkerd's may, and nothing more. */

const read = ["get", "list", "watch"];

function allow(group: string, resources: readonly string[], verbs: readonly string[]): string[] {
  return resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`));
}

const status = (resources: readonly string[]): string[] => resources.map((resource) => `${resource}/status`);

const policies = [
  ...["servers", "serverauthorizations", "authorizationpolicies", "meshtlsauthentications", "networkauthentications"],
  ...["httproutes", "egressnetworks", "httplocalratelimitpolicies"],
];
const routes = ["httproutes", "grpcroutes", "tlsroutes", "tcproutes"];
const workloads = ["deployments", "replicasets", "daemonsets", "statefulsets"];

export interface Rights {
  readonly namespace: string;
  readonly name: string;
  /** In any namespace. */
  readonly everywhere: readonly string[];
  /** In its own namespace besides. */
  readonly athome: readonly string[];
}

export const allowedRights: readonly Rights[] = [
  {
    namespace: "linkerd",
    name: "linkerd-destination",
    everywhere: [
      ...allow("", ["pods", "endpoints", "services", "nodes"], read),
      ...allow("apps", ["replicasets"], read),
      ...allow("apps", ["deployments"], ["get"]),
      ...allow("batch", ["jobs"], read),
      ...allow("linkerd.io", ["serviceprofiles"], read),
      // Splits are our own; Linkerd has an adaptor for them.
      ...allow("split.smi-spec.io", ["trafficsplits"], read),
      // Servers that select the same port are said in events as well as in their status.
      ...allow("", ["events"], ["create", "patch"]),
      // Our own kinds.
      ...allow(
        "policy.linkerd-ts.dev",
        ["faultinjections", "denypolicies", "meshtlsrequirements", "jwtauthentications"],
        read,
      ),
      ...allow("policy.linkerd-ts.dev", status(["faultinjections", "denypolicies", "meshtlsrequirements"]), ["patch"]),
      ...allow("workload.linkerd.io", ["externalworkloads"], read),
      ...allow("workload.linkerd.io", status(["externalworkloads"]), ["patch"]),
      ...allow("discovery.k8s.io", ["endpointslices"], [...read, "create", "update", "patch", "delete"]),
      ...allow("coordination.k8s.io", ["leases"], ["create", "get", "update", "patch"]),
      ...allow("policy.linkerd.io", policies, read),
      ...allow("policy.linkerd.io", status(policies), ["patch"]),
      ...allow("gateway.networking.k8s.io", routes, read),
      ...allow("gateway.networking.k8s.io", status(routes), ["patch"]),
    ],
    // Credentials of linked clusters.
    athome: allow("", ["secrets"], read),
  },
  {
    namespace: "linkerd",
    name: "linkerd-identity",
    everywhere: [
      ...allow("authentication.k8s.io", ["tokenreviews"], ["create"]),
      ...allow("", ["events"], ["create", "patch"]),
    ],
    athome: [],
  },
  {
    namespace: "linkerd",
    name: "linkerd-proxy-injector",
    everywhere: [
      ...allow("", ["events"], ["create", "patch"]),
      ...allow("", ["namespaces", "replicationcontrollers"], read),
      ...allow("", ["pods"], ["list", "watch"]),
      ...allow("apps", workloads, read),
      ...allow("extensions", workloads, read),
      ...allow("batch", ["jobs", "cronjobs"], read),
      ...allow("extensions", ["jobs", "cronjobs"], read),
    ],
    athome: [],
  },
  {
    namespace: "linkerd",
    name: "linkerd-heartbeat",
    everywhere: [...allow("", ["namespaces"], ["list"]), ...allow("linkerd.io", ["serviceprofiles"], ["list"])],
    athome: ["get /configmaps linkerd-config"],
  },
  {
    namespace: "linkerd-viz",
    name: "tap",
    everywhere: [
      ...allow("", ["pods", "services"], read),
      // The role system:auth-delegator, as APIServices have it.
      ...allow("authentication.k8s.io", ["tokenreviews"], ["create"]),
      ...allow("authorization.k8s.io", ["subjectaccessreviews"], ["create"]),
      // Who the API server is; in kube-system alone.
      ...read.map((verb) => `${verb} /configmaps extension-apiserver-authentication`),
    ],
    athome: [],
  },
  {
    namespace: "linkerd-viz",
    name: "tap-injector",
    everywhere: allow("", ["namespaces"], read),
    athome: [],
  },
];
