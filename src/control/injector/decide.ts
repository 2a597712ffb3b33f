/** One admission request: what to change on a pod or a Service, or why not. */
import { errorChain, MeshError } from "#lib/errors.ts";
import type { ReadonlyWatchable } from "#lib/watchable.ts";
import type { KubeEvent } from "#kube/events.ts";
import type { AdmissionDecision, AdmissionRequest } from "#kube/types/admission.ts";
import type { OwnerReference } from "#kube/types/meta.ts";
import { addToMetadata, injectPod } from "#manifests/inject/inject-pod.ts";
import { opaquePortsAnnotation } from "#manifests/inject/keys.ts";
import type { PatchOp, PodMetadata, PodTemplate } from "#manifests/inject/pod.ts";
import { podOpaquePorts, serviceOpaquePorts, type ServicePorts } from "#manifests/inject/ports.ts";
import { skipReasons, type SkipReason } from "#manifests/inject/skip.ts";
import type { Values } from "#manifests/values.ts";
import type { ClusterFacts, Owner } from "./cluster-facts.ts";
import type { Asked, InjectorMetrics } from "./metrics.ts";
import { shapeProblem } from "./shape.ts";

export interface DecideDeps {
  readonly values: ReadonlyWatchable<Values>;
  readonly facts: ClusterFacts;
  readonly metrics: InjectorMetrics;
  readonly writeEvent: (event: KubeEvent) => void;
  readonly controlPlaneNamespace: string;
  /** For the annotation `linkerd.io/created-by`. */
  readonly createdBy: string;
}

/** Throws only when the cluster can't be asked: the webhook's failurePolicy decides then. */
export async function decide(request: AdmissionRequest, deps: DecideDeps): Promise<AdmissionDecision> {
  const { kind, object, namespace = "" } = request;
  if (kind.group !== "" || request.operation !== "CREATE" || (kind.kind !== "Pod" && kind.kind !== "Service")) {
    return { allowed: true };
  }
  if (object === null) return refuse(`The admission request for a ${kind.kind} carries no object`);
  if (namespace === "") return refuse(`The admission request for a ${kind.kind} names no namespace`);
  const wrong = shapeProblem(kind.kind, object);
  if (wrong !== null) return refuse(`The ${kind.kind} can't be read: ${wrong}`);
  const annotations = await deps.facts.namespaceAnnotations(namespace);
  if (kind.kind === "Service") return decideService(object as unknown as ServicePorts, namespace, annotations, deps);
  return await decidePod(object as unknown as PodTemplate, request, namespace, annotations, deps);
}

function refuse(message: string): AdmissionDecision {
  return { allowed: false, code: 400, message };
}

function decideService(
  service: ServicePorts,
  namespace: string,
  annotations: Readonly<Record<string, string>>,
  { values, metrics }: DecideDeps,
): AdmissionDecision {
  const asked: Asked = { ownerKind: "", namespace, decidedAt: null };
  metrics.request(asked);
  const ports = serviceOpaquePorts(service, annotations, values.get().proxy.opaquePorts);
  if (ports === null) return { allowed: true };
  metrics.response(asked, null);
  const metadata = (service.metadata ?? undefined) as PodMetadata | undefined;
  return { allowed: true, patch: addToMetadata(metadata, { annotations: { [opaquePortsAnnotation]: ports } }, "") };
}

async function decidePod(
  pod: PodTemplate,
  request: AdmissionRequest,
  namespace: string,
  annotations: Readonly<Record<string, string>>,
  deps: DecideDeps,
): Promise<AdmissionDecision> {
  const references = (pod.metadata as { ownerReferences?: readonly OwnerReference[] } | undefined)?.ownerReferences;
  const owner = await deps.facts.owner(namespace, references);
  const ownerKind = owner?.kind.toLowerCase() ?? "";
  const values = deps.values.get();
  const name = pod.metadata?.name ?? pod.metadata?.generateName ?? "";
  let result;
  try {
    result = injectPod(pod, {
      values,
      controlPlaneNamespace: deps.controlPlaneNamespace,
      origin: "webhook",
      namespaceAnnotations: annotations,
      namespace,
      owner,
      createdBy: deps.createdBy,
      object: owner === null ? `pod/${name}` : `${ownerKind}/${owner.name}`,
    });
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== "invalid-argument") throw error;
    // Somebody wrote something that can't be done: a pod without what was asked for must not start.
    return refuse(errorChain(error));
  }
  const asked: Asked = { ownerKind, namespace, decidedAt: result.decidedAt };
  deps.metrics.request(asked);
  if (result.kind === "injected") {
    deps.metrics.response(asked, null);
    report(deps, request, owner, namespace, "Injected", "Linkerd sidecar proxy injected");
    return {
      allowed: true,
      patch: result.patch,
      ...(result.warnings.length > 0 ? { warnings: result.warnings } : {}),
    };
  }
  const reasons = result.reasons.map((reason) => skipReasons[reason]).join(", ");
  report(deps, request, owner, namespace, "InjectionSkipped", `Linkerd sidecar proxy injection skipped: ${reasons}`);
  return skipped(pod, asked, result.reasons, annotations, deps, values);
}

/** A pod without a proxy still tells its clients' proxies which of its ports are opaque. */
function skipped(
  pod: PodTemplate,
  asked: Asked,
  reasons: readonly SkipReason[],
  annotations: Readonly<Record<string, string>>,
  { metrics }: DecideDeps,
  values: Values,
): AdmissionDecision {
  const ports =
    pod.metadata?.annotations?.[opaquePortsAnnotation] === undefined
      ? (annotations[opaquePortsAnnotation] ?? podOpaquePorts(pod.spec ?? {}, values.proxy.opaquePorts))
      : "";
  metrics.response(asked, reasons);
  if (ports === "") return { allowed: true };
  const patch: PatchOp[] = addToMetadata(pod.metadata, { annotations: { [opaquePortsAnnotation]: ports } }, "");
  return { allowed: true, patch };
}

/** Tells people at the workload what became of its pods. A dry run must leave no trace. */
function report(
  deps: DecideDeps,
  request: AdmissionRequest,
  owner: Owner | null,
  namespace: string,
  reason: string,
  message: string,
): void {
  if (owner === null || request.dryRun === true) return;
  deps.writeEvent({ object: { ...owner, namespace }, type: "Normal", reason, message });
}
