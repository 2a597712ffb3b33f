/** The order of admission. */
import type { KubeObject } from "../../store/object.ts";
import type { ResourceInfo } from "../resource-info.ts";
import type { Admission, AdmissionRequest } from "./admission.ts";

/** Steps of the chain; each throws a StatusError to refuse. */
export interface AdmissionSteps {
  /** Built-in steps that change the object. */
  readonly builtin: ReadonlyArray<(request: AdmissionRequest) => void>;
  /** Mutating webhooks; resolves to whether the object changed. */
  readonly mutate: (request: AdmissionRequest) => Promise<boolean>;
  /** Validating webhooks. */
  readonly validate: (request: AdmissionRequest) => Promise<void>;
  readonly allocate: (info: ResourceInfo, object: KubeObject, previous: KubeObject | null) => void;
}

export function createAdmission(steps: AdmissionSteps): Admission {
  return {
    async admit(request) {
      for (const step of steps.builtin) step(request);
      const changed = await steps.mutate(request);
      if (changed && request.object !== null) request.settle?.(request.object);
      request.validate?.();
      await steps.validate(request);
    },
    allocate: steps.allocate,
  };
}
