/** Which webhooks a request concerns (Kubernetes "Dynamic Admission Control", matching requests). */
import type { KubeObject } from "../../store/object.ts";
import type { Store } from "../../store/store.ts";
import { fromObject, matchesLabels } from "../selector/label-selector.ts";
import type { AdmissionRequest } from "./admission.ts";

/** One entry of a webhook configuration, as the notation's types guarantee it. */
export interface Webhook {
  readonly name: string;
  readonly clientConfig: {
    readonly url?: string;
    readonly service?: {
      readonly namespace: string;
      readonly name: string;
      readonly path?: string;
      readonly port: number;
    };
    readonly caBundle?: string;
  };
  readonly rules?: ReadonlyArray<{
    readonly operations: readonly string[];
    readonly apiGroups: readonly string[];
    readonly apiVersions: readonly string[];
    readonly resources: readonly string[];
    readonly scope: string;
  }>;
  readonly failurePolicy: "Ignore" | "Fail";
  readonly namespaceSelector?: unknown;
  readonly objectSelector?: unknown;
  readonly timeoutSeconds: number;
  readonly reinvocationPolicy?: "Never" | "IfNeeded";
}

const has = (list: readonly string[], wanted: string): boolean => list.includes("*") || list.includes(wanted);

function coversResource(list: readonly string[], resource: string, part: string): boolean {
  const full = part === "" ? resource : `${resource}/${part}`;
  if (list.includes("*/*") || list.includes(full)) return true;
  if (list.includes("*") && part === "") return true;
  return list.includes(`${resource}/*`) || (part !== "" && list.includes(`*/${part}`));
}

function rulesCover(webhook: Webhook, { operation, info, part }: AdmissionRequest): boolean {
  const scope = info.namespaced ? "Namespaced" : "Cluster";
  return (webhook.rules ?? []).some(
    (rule) =>
      has(rule.operations, operation) &&
      has(rule.apiGroups, info.group) &&
      has(rule.apiVersions, info.version) &&
      coversResource(rule.resources, info.resource, part) &&
      (rule.scope === "*" || rule.scope === scope),
  );
}

function labelsOf(
  store: Store,
  { info, namespace, object, previous }: AdmissionRequest,
): Record<string, string> | null {
  if (info.key === "namespaces") return (object ?? previous)?.metadata.labels ?? {};
  if (!info.namespaced) return null;
  return store.get("namespaces", "", namespace)?.metadata.labels ?? {};
}

export function concerns(store: Store, webhook: Webhook, request: AdmissionRequest): boolean {
  if (!rulesCover(webhook, request)) return false;
  // Cluster-scoped objects have no namespace to select by.
  const labels = labelsOf(store, request);
  if (labels !== null && !matchesLabels(fromObject(webhook.namespaceSelector) ?? [], labels)) return false;
  const selector = fromObject(webhook.objectSelector) ?? [];
  const candidates = [request.object, request.previous].filter((object): object is KubeObject => object !== null);
  return candidates.some((object) => matchesLabels(selector, object.metadata.labels));
}
