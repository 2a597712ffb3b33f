/** Pods. */
import type { StatusCause } from "../status-error.ts";
import { fieldForbidden } from "../validation/causes.ts";
import { completePodSpec, qosClass } from "./pod-spec.ts";
import { checkPodSpec } from "./pod-validation.ts";
import { ensure, record, records } from "./strategy.ts";
import type { KindRules, Rec } from "./strategy.ts";

/** The spec without what an update may change. */
function fixedPart(spec: Rec): unknown {
  const {
    activeDeadlineSeconds: _a,
    tolerations: _t,
    terminationGracePeriodSeconds: _g,
    schedulingGates: _s,
    ...rest
  } = spec;
  const plain = (list: unknown): Rec[] => records(list).map(({ image: _image, ...container }) => container);
  return { ...rest, containers: plain(spec["containers"]), initContainers: plain(spec["initContainers"]) };
}

export const podRules: KindRules = {
  after(pod, previous) {
    const spec = ensure(pod, "spec");
    completePodSpec(spec);
    if (previous !== null) return;
    pod["status"] = { phase: "Pending", qosClass: qosClass(spec) };
  },
  validate(pod, previous, causes: StatusCause[]) {
    const spec = record(pod["spec"]);
    checkPodSpec(spec, "spec", causes);
    if (previous === null || Bun.deepEquals(fixedPart(spec), fixedPart(record(previous["spec"])))) return;
    causes.push(
      fieldForbidden(
        "spec",
        "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
      ),
    );
  },
};
