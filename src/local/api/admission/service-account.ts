/** Gives every new pod its service account and, unless it opts out, that account's token (Kubernetes "ServiceAccount admission"). */
import type { Store } from "../../store/store.ts";
import { ensure, record, records, text } from "../kinds/strategy.ts";
import { generateName } from "../names.ts";
import { forbidden } from "../status-error.ts";
import type { AdmissionRequest } from "./admission.ts";

/** Where containers find the token, the cluster's CA and their namespace. */
export const tokenMountPath = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Seconds: the kubelet asks for a new token well before. */
const tokenLifetime = 3607;

function tokenVolume(name: string): Record<string, unknown> {
  return {
    name,
    projected: {
      defaultMode: 420,
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenLifetime, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        {
          downwardAPI: {
            items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
          },
        },
      ],
    },
  };
}

export function admitServiceAccount(store: Store, random: () => number): (request: AdmissionRequest) => void {
  return ({ operation, info, part, namespace, name, object }) => {
    if (operation !== "CREATE" || info.key !== "pods" || part !== "" || object === null) return;
    const spec = ensure(object, "spec");
    const accountName = text(spec["serviceAccountName"]) || "default";
    spec["serviceAccountName"] = accountName;
    spec["serviceAccount"] = accountName;
    const account = store.get("serviceaccounts", namespace, accountName);
    if (account === null) {
      throw forbidden(
        info,
        name,
        `error looking up service account ${namespace}/${accountName}: serviceaccount "${accountName}" not found`,
      );
    }
    if (spec["imagePullSecrets"] === undefined && Array.isArray(account["imagePullSecrets"])) {
      spec["imagePullSecrets"] = structuredClone(account["imagePullSecrets"]);
    }
    const wanted = spec["automountServiceAccountToken"] ?? account["automountServiceAccountToken"];
    if (wanted === false) return;
    mountToken(spec, random);
  };
}

function mountToken(spec: Record<string, unknown>, random: () => number): void {
  const containers = [...records(spec["initContainers"]), ...records(spec["containers"])];
  const without = containers.filter(
    (container) => !records(container["volumeMounts"]).some((mount) => mount["mountPath"] === tokenMountPath),
  );
  if (without.length === 0) return;
  const volumes = records(spec["volumes"]);
  const existing = volumes.find(
    (volume) =>
      text(volume["name"]).startsWith("kube-api-access-") && record(volume["projected"])["sources"] !== undefined,
  );
  const volumeName = text(existing?.["name"]) || generateName("kube-api-access-", random);
  if (existing === undefined) spec["volumes"] = [...volumes, tokenVolume(volumeName)];
  for (const container of without) {
    container["volumeMounts"] = [
      ...records(container["volumeMounts"]),
      { name: volumeName, readOnly: true, mountPath: tokenMountPath },
    ];
  }
}
