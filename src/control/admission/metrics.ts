import type { Clock } from "#lib/clock.ts";
import type { Registry } from "#lib/metrics/registry.ts";
import type { AdmissionHandler } from "#kube/webhook.ts";

/** Upper bounds in ms; the last ones are near what API servers wait (10 s). */
const bounds = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000];

/** Counts the answers of a webhook and how long they took. */
export function countedReviews(registry: Registry, clock: Clock, handle: AdmissionHandler): AdmissionHandler {
  const answers = registry.counter("admission_reviews_total", "Admission reviews by kind and what was answered");
  const took = registry.histogram("admission_review_duration_ms", "Time to an answer, in milliseconds", bounds).cell();
  return async (request) => {
    const started = clock.now();
    const labels = { group: request.kind.group, kind: request.kind.kind };
    try {
      const decision = await handle(request);
      const warned = decision.warnings !== undefined && decision.warnings.length > 0;
      const answer = decision.allowed ? (warned ? "warned" : "allowed") : "refused";
      answers.cell({ ...labels, answer }).value++;
      return decision;
    } catch (thrown) {
      answers.cell({ ...labels, answer: "failed" }).value++;
      throw thrown;
    } finally {
      took.observe(clock.now() - started);
    }
  };
}
