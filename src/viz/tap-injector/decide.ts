/** Whose proxy learns who may look into it. Pure. */
import type { AdmissionDecision, AdmissionRequest, PatchOperation } from "#kube/types/admission.ts";
import type { Container, Pod } from "#kube/types/core.ts";
import { tapNameVariable } from "../tap/tap-pods.ts";

export const tapEnabled = "viz.linkerd.io/tap-enabled";
export const disableTap = "viz.linkerd.io/disable-tap";

type Annotations = Readonly<Record<string, string>>;

/** `true`, `1`, `T`, … as Go's ParseBool; anything else is no. */
const yes = (text: string | undefined): boolean => /^(1|t|T|true|TRUE|True)$/.test(text ?? "");

/**
 * Adds the variable to the proxy of a pod that has one, unless the pod or its namespace says otherwise.
 * @param tapName the identity of the tap API
 */
export function decideTap(request: AdmissionRequest, namespace: Annotations, tapName: string): AdmissionDecision {
  const { kind, object, operation } = request;
  if (kind.group !== "" || kind.kind !== "Pod" || operation !== "CREATE" || object === null) return { allowed: true };
  const { metadata, spec } = object as unknown as Partial<Pod>;
  const annotations: Annotations = metadata?.annotations ?? {};
  if (yes(annotations[disableTap] ?? namespace[disableTap])) return { allowed: true };
  const found = proxyOf(spec ?? {});
  if (found === null || found.proxy.env?.some(({ name }) => name === tapNameVariable) === true)
    return { allowed: true };
  const variable = { name: tapNameVariable, value: tapName };
  const patch: PatchOperation[] = [
    found.proxy.env === undefined
      ? { op: "add", path: `${found.path}/env`, value: [variable] }
      : { op: "add", path: `${found.path}/env/-`, value: variable },
    metadata?.annotations === undefined
      ? { op: "add", path: "/metadata/annotations", value: { [tapEnabled]: "true" } }
      : { op: "add", path: `/metadata/annotations/${tapEnabled.replace("/", "~1")}`, value: "true" },
  ];
  return { allowed: true, patch };
}

function proxyOf(spec: {
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
}): { readonly proxy: Container; readonly path: string } | null {
  for (const list of ["initContainers", "containers"] as const) {
    const containers = spec[list];
    if (!Array.isArray(containers)) continue;
    const at = (containers as readonly (Container | null)[]).findIndex(
      (container) => container?.name === "linkerd-proxy",
    );
    const proxy = containers[at] as Container | undefined;
    if (proxy !== undefined) return { proxy, path: `/spec/${list}/${at}` };
  }
  return null;
}
