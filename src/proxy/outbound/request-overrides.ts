/**
 * What headers of a request say about its retries and timeouts, where the policy lets the application say it
 * (allow_l5d_request_headers). They are the application's own: inbound requests lose every header of this prefix, so nobody
 * else's reach an application that passes headers on; and none of them goes on to the server. A value that says nothing
 * counts as absent, and the budget of retries holds all the same.
 */
import { header, type RequestHead } from "#wire/http1/head.ts";
import { meshPrefix } from "../http/rewrite.ts";
import type { RetryRule, Timeouts } from "../route/rule.ts";
import type { RouteExtras } from "./ports.ts";

/** Whatever a header says. */
const maxTries = 32;
/** ms */
const maxTime = 3_600_000;

const plainRetry: RetryRule = {
  limit: 1,
  maxBody: 65_536,
  statuses: [],
  grpc: null,
  headTimeout: 0,
  backoff: { min: 25, max: 250, jitter: 1 },
};

/** The extras of this one request. */
export function withOverrides(extras: RouteExtras, head: RequestHead): RouteExtras {
  const { headers } = head;
  let some = false;
  for (let at = 0; at < headers.length; at += 2) if (headers[at]?.startsWith(meshPrefix) === true) some = true;
  if (!some) return extras;
  const said = (name: string): string => header(headers, `${meshPrefix}${name}`) ?? "";
  const request = time(said("timeout")) ?? time(said("request-timeout"));
  const response = time(said("response-timeout"));
  const timeouts: Timeouts = {
    ...extras.timeouts,
    ...(request === null ? {} : { request }),
    ...(response === null ? {} : { response }),
  };
  const retry = retryOf(extras.retry, said);
  const guarded = extras.guarded || request !== null || response !== null || retry !== null;
  return { ...extras, timeouts, retry, guarded };
}

function retryOf(before: RetryRule | null, said: (name: string) => string): RetryRule | null {
  const statuses = statusesOf(said("retry-http"));
  const grpc = grpcOf(said("retry-grpc"));
  if (before === null && statuses === null && grpc === null) return null;
  const limit = /^\d{1,5}$/.test(said("retry-limit")) ? Math.min(maxTries, Number(said("retry-limit"))) : null;
  const headTimeout = time(said("retry-timeout"));
  const base = before ?? plainRetry;
  const rule = {
    ...base,
    ...(statuses === null ? {} : { statuses }),
    ...(grpc === null ? {} : { grpc }),
    ...(limit === null ? {} : { limit }),
    ...(headTimeout === null ? {} : { headTimeout }),
  };
  return rule.limit === 0 ? null : rule;
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "500ms", "10s", …; null: it says nothing. */
function time(text: string): number | null {
  const parts = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  if (parts === null) return null;
  const value = Number(parts[1]) * (units[parts[2] ?? ""] ?? 0);
  return value === 0 ? null : Math.min(maxTime, value);
}

/** "5xx", "gateway-error", "503" or "500-504", several with commas. */
function statusesOf(text: string): RetryRule["statuses"] | null {
  const out: Array<{ from: number; to: number }> = [];
  for (const item of text.split(",", 20)) {
    const word = item.trim();
    const range = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(word);
    if (word === "5xx") out.push({ from: 500, to: 599 });
    else if (word === "gateway-error") out.push({ from: 502, to: 504 });
    else if (range !== null) out.push({ from: Number(range[1]), to: Number(range[2] ?? range[1]) });
  }
  return out.length === 0 ? null : out;
}

const grpcCodes: ReadonlyMap<string, number> = new Map([
  ["cancelled", 1],
  ["deadline-exceeded", 4],
  ["resource-exhausted", 8],
  ["internal", 13],
  ["unavailable", 14],
]);

function grpcOf(text: string): RetryRule["grpc"] {
  const codes = text.split(",", 20).flatMap((item) => grpcCodes.get(item.trim().toLowerCase()) ?? []);
  return codes.length === 0 ? null : new Set(codes);
}
