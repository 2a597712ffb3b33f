/** Counters of what the injector was asked and what it did, by Linkerd's names. */
import type { Registry } from "#lib/metrics/registry.ts";
import type { DecidedAt, SkipReason } from "#manifests/inject/skip.ts";

export interface Asked {
  /** Kind of the pod's owner in lower case, "" for a bare pod and for other objects. */
  readonly ownerKind: string;
  readonly namespace: string;
  readonly decidedAt: DecidedAt;
}

export class InjectorMetrics {
  private readonly registry: Registry;

  constructor(registry: Registry) {
    this.registry = registry;
  }

  request(asked: Asked): void {
    this.registry
      .counter("proxy_inject_admission_requests_total", "Admission requests for the proxy injector")
      .cell(labels(asked)).value++;
  }

  /** `skip`: why nothing was injected; null when the object was changed. */
  response(asked: Asked, skip: readonly SkipReason[] | null): void {
    this.registry
      .counter("proxy_inject_admission_responses_total", "Admission responses of the proxy injector")
      .cell({ ...labels(asked), skip: String(skip !== null), skip_reason: (skip ?? []).join(",") }).value++;
  }
}

function labels({ ownerKind, namespace, decidedAt }: Asked): Record<string, string> {
  return { owner_kind: ownerKind, namespace, annotation_at: decidedAt ?? "" };
}
