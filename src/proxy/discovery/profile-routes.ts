/** The routes of a ServiceProfile in the form that `route/` decides on: the first one that matches counts. */
import { milliseconds } from "#rpc/address.ts";
import type { DestinationProfile, RequestMatch, ResponseMatch, Route } from "#rpc/gen/destination_pb.ts";
import type { RequestHead } from "#wire/http1/head.ts";
import { wholeText } from "../route/pattern.ts";
import { defaultBudget, type BudgetOptions } from "../route/retry-budget.ts";
import { noTimeouts, type RetryRule, type Timeouts } from "../route/rule.ts";
import { methodName } from "./route-messages.ts";

export interface ProfileRoute {
  readonly test: Condition;
  /** For metrics. */
  readonly labels: Readonly<Record<string, string>>;
  readonly timeouts: Timeouts;
  readonly retry: RetryRule | null;
}

type Condition = (head: RequestHead, path: string) => boolean;

/** A ServiceProfile sets no number of tries, its budget does; so many are enough for one request. */
const maxTries = 10;
const maxBody = 65_536;

export function profileRoutes(routes: readonly Route[]): ProfileRoute[] {
  return routes.map((route) => ({
    test: condition(route.condition),
    labels: route.metricsLabels,
    timeouts: { ...noTimeouts, request: milliseconds(route.timeout, 0) },
    retry: route.isRetryable ? retryRule(route) : null,
  }));
}

export function retryBudget({ retryBudget: message }: DestinationProfile): BudgetOptions {
  if (message === undefined) return defaultBudget;
  const window = Math.max(1000, Math.min(60_000, milliseconds(message.ttl, defaultBudget.window)));
  return { ratio: Math.max(0, message.retryRatio), perSecond: message.minRetriesPerSecond, window };
}

/** What is not known matches nothing. */
function condition(message: RequestMatch | undefined): Condition {
  const match = message?.match;
  switch (match?.case) {
    case "all": {
      const parts = match.value.matches.map(condition);
      return (head, path) => parts.every((part) => part(head, path));
    }
    case "any": {
      const parts = match.value.matches.map(condition);
      return (head, path) => parts.some((part) => part(head, path));
    }
    case "not": {
      const part = condition(match.value);
      return (head, path) => !part(head, path);
    }
    case "path": {
      const pattern = wholeText(match.value.regex);
      return (_head, path) => pattern.test(path);
    }
    case "method": {
      const method = methodName(match.value);
      return (head) => head.method === method;
    }
    default:
      return () => false;
  }
}

function retryRule({ responseClasses }: Route): RetryRule {
  const failed = (status: number): boolean =>
    responseClasses.find((responses) => matches(responses.condition, status))?.isFailure ?? status >= 500;
  const statuses: Array<{ from: number; to: number }> = [];
  for (let status = 200; status <= 599; status++) {
    const last = statuses.at(-1);
    if (!failed(status)) continue;
    if (last?.to === status - 1) last.to = status;
    else statuses.push({ from: status, to: status });
  }
  // Of gRPC every status but OK is a failure.
  const grpc = new Set(Array.from({ length: 16 }, (_, at) => at + 1));
  return { limit: maxTries, maxBody, statuses, grpc, headTimeout: 0, backoff: { min: 25, max: 250, jitter: 1 } };
}

function matches(message: ResponseMatch | undefined, status: number): boolean {
  const match = message?.match;
  switch (match?.case) {
    case "all":
      return match.value.matches.every((part) => matches(part, status));
    case "any":
      return match.value.matches.some((part) => matches(part, status));
    case "not":
      return !matches(match.value, status);
    case "status":
      return status >= match.value.min && (match.value.max === 0 || status <= match.value.max);
    default:
      return false;
  }
}
