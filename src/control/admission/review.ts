/** One admission request: the object as it is written, judged by the rules of its kind. */
import type { AdmissionDecision, AdmissionRequest } from "#kube/types/admission.ts";
import { Field } from "./field.ts";
import { Findings } from "./findings.ts";
import { checkPatterns, KnownPatterns } from "./pattern.ts";
import type { Rule } from "./rule.ts";
import type { Rules } from "./rules.ts";

/** All that can be said of an object by itself. */
export function findingsOf(request: AdmissionRequest, rules: Rules, known = new KnownPatterns()): Findings {
  const findings = new Findings();
  const { group } = request.kind;
  const rule = ruleFor(request, rules);
  if (rule === null) return findings;
  const metadata = new Field("metadata", request.object?.metadata, findings);
  const spec = new Field("spec", request.object?.["spec"], findings);
  // What is wrong with objects of Kubernetes itself is not ours to say.
  if (group !== "") spec.object();
  rule({ namespace: request.namespace ?? "", name: nameOf(request), group, metadata, spec });
  checkPatterns(findings, known);
  return findings;
}

function ruleFor({ kind: { group, kind } }: AdmissionRequest, rules: Rules): Rule | null {
  const key = `${group}/${kind}`;
  return Object.hasOwn(rules, key) ? (rules[key] ?? null) : null;
}

/** A name that will be made up by the API server counts as its beginning and one character more. */
export function nameOf(request: AdmissionRequest): string {
  const { name, generateName } = request.object?.metadata ?? {};
  if (typeof name === "string") return name;
  return request.name ?? `${typeof generateName === "string" ? generateName : ""}x`;
}

/** What the API server is told. */
export function decisionOf(request: AdmissionRequest, { problems, warnings }: Findings): AdmissionDecision {
  const told = warnings.length > 0 ? { warnings } : {};
  if (problems.length === 0) return { allowed: true, ...told };
  const message = `${request.kind.kind} "${nameOf(request)}" is not valid: ${problems.join("; ")}`;
  return { allowed: false, code: 422, message, ...told };
}

/** A webhook that applies the rules. `more` may add what depends on other objects; it runs only when the object is fine by itself. */
export function reviewer(
  rules: Rules,
  more: (request: AdmissionRequest, findings: Findings) => Promise<void> = async () => {},
): (request: AdmissionRequest) => Promise<AdmissionDecision> {
  const known = new KnownPatterns();
  return async (request) => {
    if (request.operation !== "CREATE" && request.operation !== "UPDATE") return { allowed: true };
    const { group, kind } = request.kind;
    if (ruleFor(request, rules) === null) {
      return { allowed: false, code: 400, message: `This webhook has no rules for "${kind}" of group "${group}"` };
    }
    if (request.object === null) {
      return { allowed: false, code: 400, message: `The request for a ${kind} carries no object` };
    }
    // What is on its way out only loses finalizers; refusing that would keep it for ever.
    if (request.object.metadata?.deletionTimestamp !== undefined) return { allowed: true };
    const findings = findingsOf(request, rules, known);
    if (findings.problems.length === 0) await more(request, findings);
    return decisionOf(request, findings);
  };
}
