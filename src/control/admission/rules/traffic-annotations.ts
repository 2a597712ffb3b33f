/** The annotations that shape traffic: retries, timeouts and balancing of Services and routes. */
import { parseDuration } from "#lib/duration.ts";
import type { Field } from "../field.ts";

/** Says what is wrong with a value, or null. */
type Check = (value: string) => string | null;

/** Whole numbers with one unit, as these annotations write durations. */
const duration: Check = (value) =>
  /^(0|\d{1,15}(ms|s|m|h|d))$/.test(value) ? null : "is not a duration such as 300ms, 5s, 1m, 2h or 1d";

const flag: Check = (value) => (value === "true" || value === "false" ? null : "is neither true nor false");

const whole =
  (max: number): Check =>
  (value) =>
    /^\d{1,9}$/.test(value) && Number(value) <= max ? null : `is not a whole number up to ${max}`;

const decimal =
  (max: number): Check =>
  (value) =>
    /^\d+(\.\d+)?$/.test(value) && Number(value) <= max ? null : `is not a number from 0 to ${max}`;

const accrual: Check = (value) =>
  value === "consecutive" || value === "unified" ? null : 'is neither "consecutive" nor "unified"';

const httpStatuses: Check = (value) => {
  for (const part of value.split(",").map((text) => text.trim())) {
    if (part === "5xx" || part === "gateway-error") continue;
    const match = /^(\d{3})(?:-(\d{3}))?$/.exec(part);
    const from = Number(match?.[1] ?? 0);
    const to = Number(match?.[2] ?? from);
    if (match === null || from < 100 || to > 599 || from > to) {
      return `lists "${part}", which is none of 5xx, gateway-error, a status such as 503 and a range such as 500-504`;
    }
  }
  return null;
};

const grpcCodes = ["cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"];
const grpcStatuses: Check = (value) => {
  for (const part of value.split(",").map((text) => text.trim())) {
    if (!grpcCodes.includes(part)) return `lists "${part}", which is none of ${grpcCodes.join(", ")}`;
  }
  return null;
};

const retriesAndTimeouts: Readonly<Record<string, Check>> = {
  "retry.linkerd.io/http": httpStatuses,
  "retry.linkerd.io/grpc": grpcStatuses,
  "retry.linkerd.io/limit": whole(65_535),
  "retry.linkerd.io/timeout": duration,
  "timeout.linkerd.io/request": duration,
  "timeout.linkerd.io/response": duration,
  "timeout.linkerd.io/idle": duration,
};

const consecutive = "balancer.linkerd.io/failure-accrual-consecutive";
const successRate = "balancer.alpha.linkerd.io/failure-accrual-success-rate";
const balancing: Readonly<Record<string, Check>> = {
  "balancer.linkerd.io/failure-accrual": accrual,
  [`${consecutive}-max-failures`]: whole(0x3fff_ffff),
  [`${consecutive}-min-penalty`]: duration,
  [`${consecutive}-max-penalty`]: duration,
  [`${consecutive}-jitter-ratio`]: decimal(100),
  [`${successRate}-threshold`]: decimal(1),
  [`${successRate}-window`]: duration,
  [`${successRate}-min-requests`]: whole(1_000_000),
  "balancer.alpha.linkerd.io/failure-accrual-honor-retry-after": flag,
  "balancer.alpha.linkerd.io/penalize-failures": flag,
  "balancer.alpha.linkerd.io/load-biaser-penalty": duration,
  "balancer.alpha.linkerd.io/load-biaser-max-retry-after": duration,
};

const prefix = /^(retry|timeout|balancer|balancer\.alpha)\.linkerd\.io\//;

/** A malformed value here makes a route do something else than was written: it is refused. */
export function checkRouteAnnotations(metadata: Field): void {
  each(metadata, (key, value, field) => {
    const wrong = retriesAndTimeouts[key]?.(value) ?? null;
    if (wrong !== null) field.problem(`"${value}" ${wrong}`);
    else if (prefix.test(key) && !Object.hasOwn(retriesAndTimeouts, key)) field.warning("has no effect on a route");
  });
}

/** Services belong to others too: what is malformed is said, never refused. Such a value counts as not set. */
export function warnOfServiceAnnotations(metadata: Field): void {
  const known = { ...retriesAndTimeouts, ...balancing };
  const given = new Map<string, string>();
  each(metadata, (key, value, field) => {
    given.set(key, value);
    if (!prefix.test(key)) return;
    if (!Object.hasOwn(known, key)) {
      field.warning("is not known and has no effect");
      return;
    }
    const wrong = known[key]?.(value) ?? null;
    if (wrong !== null) field.warning(`"${value}" ${wrong}; it has no effect`);
  });
  const [min, max] = [given.get(`${consecutive}-min-penalty`), given.get(`${consecutive}-max-penalty`)];
  if (milliseconds(min ?? "1s") > milliseconds(max ?? "60s")) {
    annotation(metadata, `${consecutive}-min-penalty`).warning("is longer than the maximum penalty");
  }
}

/** 0 for what is no duration. */
const milliseconds = (text: string): number => parseDuration(text) ?? 0;

function annotation(metadata: Field, key: string): Field {
  const field = metadata.at("annotations").at(key);
  return Object.assign(Object.create(Object.getPrototypeOf(field) as object) as Field, field, {
    path: `metadata.annotations["${key}"]`,
  });
}

function each(metadata: Field, look: (key: string, value: string, field: Field) => void): void {
  const annotations = metadata.at("annotations");
  if (!annotations.object()) return;
  for (const [key, value] of Object.entries(annotations.value as Record<string, unknown>)) {
    if (typeof value === "string") look(key, value, annotation(metadata, key));
  }
}
