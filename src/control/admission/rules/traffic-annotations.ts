/** The annotations that shape traffic: retries, timeouts and balancing of Services and routes. */
import {
  type Read,
  readAccrual,
  readDecimal,
  readDuration,
  readFlag,
  readGrpcStatuses,
  readHash,
  readHttpStatuses,
  readWhole,
} from "../../policy/outbound/annotation-values.ts";
import { faultReaders } from "../../policy/outbound/fault-annotations.ts";
import {
  consecutivePrefix,
  failureAccrualOf,
  hashKey,
  honorRetryAfterKey,
  limits,
  maxEjectionKey,
  maxRetryAfterKey,
  minReadyKey,
  penalizeKey,
  penaltyKey,
  slowStartKey,
  successRatePrefix,
  zoneKey,
} from "../../policy/outbound/traffic-annotations.ts";
import type { Field } from "../field.ts";

type Reader = (text: string) => Read<unknown>;

const whole =
  (max: number): Reader =>
  (text) =>
    readWhole(text, max);
const decimal =
  (max: number): Reader =>
  (text) =>
    readDecimal(text, max);

const ofRoutes: Readonly<Record<string, Reader>> = {
  "retry.linkerd.io/http": readHttpStatuses,
  "retry.linkerd.io/grpc": readGrpcStatuses,
  "retry.linkerd.io/limit": whole(limits.retries),
  "retry.linkerd.io/timeout": readDuration,
  "timeout.linkerd.io/request": readDuration,
  "timeout.linkerd.io/response": readDuration,
  "timeout.linkerd.io/idle": readDuration,
  ...faultReaders,
};

const balancing: Readonly<Record<string, Reader>> = {
  "balancer.linkerd.io/failure-accrual": readAccrual,
  [`${consecutivePrefix}-max-failures`]: whole(limits.failures),
  [`${consecutivePrefix}-min-penalty`]: readDuration,
  [`${consecutivePrefix}-max-penalty`]: readDuration,
  [`${consecutivePrefix}-jitter-ratio`]: decimal(limits.jitter),
  [`${successRatePrefix}-threshold`]: decimal(limits.rate),
  [`${successRatePrefix}-window`]: readDuration,
  [`${successRatePrefix}-min-requests`]: whole(limits.requests),
  [honorRetryAfterKey]: readFlag,
  [penalizeKey]: readFlag,
  [penaltyKey]: readDuration,
  [maxRetryAfterKey]: readDuration,
  [minReadyKey]: whole(limits.endpoints),
  [maxEjectionKey]: whole(limits.percent),
  [hashKey]: readHash,
  [slowStartKey]: readDuration,
  [zoneKey]: whole(limits.percent),
};

/** What is wrong with a value, or null. */
function wrongIn(readers: Readonly<Record<string, Reader>>, key: string, text: string): string | null {
  const found = Object.hasOwn(readers, key) ? readers[key]?.(text) : undefined;
  return found !== undefined && "wrong" in found ? found.wrong : null;
}

const prefix = /^(retry|timeout|fault|balancer|balancer\.alpha)\.linkerd\.io\//;

/** A malformed value here makes a route do something else than was written: it is refused. */
export function checkRouteAnnotations(metadata: Field): void {
  for (const { key, text, field } of texts(metadata)) {
    const wrong = wrongIn(ofRoutes, key, text);
    if (wrong !== null) field.problem(`"${text}" ${wrong}`);
    else if (prefix.test(key) && !Object.hasOwn(ofRoutes, key)) field.warning("has no effect on a route");
  }
}

/** Services belong to others too: what is malformed is said, never refused. Such a value counts as not set. */
export function warnOfServiceAnnotations(metadata: Field): void {
  const known = { ...ofRoutes, ...balancing };
  const all = texts(metadata);
  for (const { key, text, field } of all) {
    if (!prefix.test(key)) continue;
    const wrong = wrongIn(known, key, text);
    if (!Object.hasOwn(known, key)) field.warning("is not known and has no effect");
    else if (wrong !== null) field.warning(`"${text}" ${wrong}; it has no effect`);
  }
  const annotations = Object.fromEntries(all.map(({ key, text }) => [key, text]));
  const { minPenalty = 0 } =
    failureAccrualOf({ ...annotations, "balancer.linkerd.io/failure-accrual": "unified" }) ?? {};
  const most = readDuration(annotations[`${consecutivePrefix}-max-penalty`] ?? "60s");
  if ("value" in most && minPenalty > most.value) {
    metadata.annotation(`${consecutivePrefix}-min-penalty`).warning("is longer than the maximum penalty");
  }
}

/** All annotations that are texts. */
function texts(metadata: Field): Array<{ readonly key: string; readonly text: string; readonly field: Field }> {
  const annotations = metadata.at("annotations");
  if (!annotations.object()) return [];
  return Object.entries(annotations.value as Record<string, unknown>).flatMap(([key, text]) =>
    typeof text === "string" ? [{ key, text, field: metadata.annotation(key) }] : [],
  );
}
