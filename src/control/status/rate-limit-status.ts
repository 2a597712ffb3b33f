import type { ClusterIndex } from "../index/cluster-index.ts";
import { untracked } from "../index/derivations.ts";
import type { RateLimitRecord } from "../index/policy/rate-limit.ts";
import { countingRateLimit } from "../policy/rate-limit.ts";
import { type Condition, conditionsStatus } from "./condition.ts";

/** The status that an HTTPLocalRateLimitPolicy should have; null: it has it. Pure. */
export function rateLimitStatus(index: ClusterIndex, limit: RateLimitRecord, now: string): object | null {
  const { server: name, generation } = limit;
  const [reason, message] = verdict(index, limit);
  const condition: Condition = {
    type: "Accepted",
    status: reason === "Accepted" ? "True" : "False",
    reason,
    message,
    observedGeneration: generation,
  };
  const status = conditionsStatus([condition], limit.status, now);
  return status === null ? null : { ...status, targetRef: { group: "policy.linkerd.io", kind: "Server", name } };
}

function verdict(index: ClusterIndex, limit: RateLimitRecord): readonly [string, string] {
  const { namespace, server } = limit;
  if (index.policy.servers.get(namespace, server) === undefined) {
    return ["NoMatchingTarget", `Server "${server}" does not exist`];
  }
  if (limit.invalid !== null) return ["UnsupportedValue", `Not valid: ${limit.invalid}; what can be read of it counts`];
  const first = countingRateLimit(index, { namespace, name: server }, untracked);
  return first === undefined || first.name === limit.name
    ? ["Accepted", ""]
    : ["RateLimitReasonAlreadyExists", `HTTPLocalRateLimitPolicy "${first.name}" is older and has the same target`];
}
