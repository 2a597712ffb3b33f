/**
 * The part of Prometheus' HTTP API that Grafana and Flagger use, over the embedded store: `/api/v1/query`, `query_range`,
 * `series`, `labels`, `label/NAME/values`, `metadata` and `status/buildinfo`, by GET or as a form by POST.
 * https://prometheus.io/docs/prometheus/latest/querying/api/
 */
import { MeshError } from "#lib/errors.ts";
import { Evaluation, type Point } from "./evaluate.ts";
import type { Selector } from "./expression.ts";
import { parsePromql } from "./parse.ts";
import { maxSeries, type Labels, type Storage } from "./storage.ts";
import { durationMs } from "./tokens.ts";

export interface PromApiOptions {
  readonly storage: Storage;
  /** ms since 1970. */
  readonly wall: () => number;
  /** Monotonic ms. */
  readonly now: () => number;
}

/** Points of time that one range may have, as in Prometheus. */
const maxSteps = 11_000;
/** Numbers in one answer. */
const maxNumbers = 1_000_000;
const maxBody = 65_536;

const prefix = "/api/v1/";

export const isPromPath = (path: string): boolean => path.startsWith(prefix);

export function createPromApi(options: PromApiOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      const url = new URL(request.url);
      const params = await parameters(request, url);
      return Response.json({ status: "success", data: answer(options, url.pathname.slice(prefix.length), params) });
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      const { errorType, status } = kinds[error.code] ?? { errorType: "execution", status: 422 };
      return Response.json({ status: "error", errorType, error: error.message }, { status });
    }
  };
}

const kinds: Readonly<Record<string, { readonly errorType: string; readonly status: number }>> = {
  "invalid-argument": { errorType: "bad_data", status: 400 },
  "not-found": { errorType: "not_found", status: 404 },
  timeout: { errorType: "timeout", status: 503 },
};

async function parameters(request: Request, url: URL): Promise<URLSearchParams> {
  if (request.method === "GET") return url.searchParams;
  if (request.method !== "POST") throw new MeshError("invalid-argument", "Use GET or POST");
  if (Number(request.headers.get("content-length") ?? Number.POSITIVE_INFINITY) > maxBody) {
    throw new MeshError("invalid-argument", `The form is longer than ${maxBody} bytes or its length is not told`);
  }
  const form = new URLSearchParams(await request.text());
  for (const [name, value] of url.searchParams) form.append(name, value);
  return form;
}

function answer({ storage, wall, now }: PromApiOptions, path: string, params: URLSearchParams): unknown {
  switch (path) {
    case "query": {
      const time = timeOf(params, "time", wall());
      const value = new Evaluation(storage, time, time, now).at(parsePromql(required(params, "query")), time);
      if (typeof value === "number") return { resultType: "scalar", result: [time / 1000, text(value)] };
      return {
        resultType: "vector",
        result: value.map((point) => ({ metric: point.labels, value: [time / 1000, text(point.value)] })),
      };
    }
    case "query_range":
      return { resultType: "matrix", result: range(storage, params, wall(), now) };
    case "series":
      return [...matching(storage, params, true)];
    case "labels": {
      const names = new Set<string>();
      for (const labels of matching(storage, params)) for (const name of Object.keys(labels)) names.add(name);
      return [...names].toSorted();
    }
    case "metadata":
      return {};
    case "status/buildinfo":
      // Grafana asks which functions it may offer.
      return { version: "2.42.0", revision: "", branch: "", buildUser: "", buildDate: "", goVersion: "" };
    default: {
      const label = /^label\/([A-Za-z_]\w*)\/values$/.exec(path)?.[1];
      if (label === undefined) throw new MeshError("not-found", `There is nothing at "${prefix}${path}"`);
      const values = new Set<string>();
      for (const labels of matching(storage, params)) {
        const value = labels[label];
        if (value !== undefined) values.add(value);
      }
      return [...values].toSorted();
    }
  }
}

function range(storage: Storage, params: URLSearchParams, wall: number, now: () => number): unknown {
  const expression = parsePromql(required(params, "query"));
  const start = timeOf(params, "start", null);
  const end = timeOf(params, "end", null);
  const step = stepOf(required(params, "step"));
  if (end < start) throw new MeshError("invalid-argument", "The end is before the start");
  const steps = Math.floor((end - start) / step) + 1;
  if (steps > maxSteps) {
    throw new MeshError(
      "invalid-argument",
      `The range has ${steps} points; at most ${maxSteps} are allowed, use a longer step`,
    );
  }
  const evaluation = new Evaluation(storage, start, Math.min(end, wall + 60_000), now);
  const series = new Map<string, { readonly metric: Labels; readonly values: Array<readonly [number, string]> }>();
  let numbers = 0;
  for (let i = 0; i < steps; i++) {
    const time = start + i * step;
    const value = evaluation.at(expression, time);
    const points: readonly Point[] = typeof value === "number" ? [{ labels: {}, value }] : value;
    numbers += points.length;
    if (numbers > maxNumbers) {
      throw new MeshError(
        "invalid-argument",
        `The answer has more than ${maxNumbers} numbers; ask for fewer series or points`,
      );
    }
    for (const { labels, value: number } of points) {
      const key = JSON.stringify(labels);
      let entry = series.get(key);
      if (entry === undefined) series.set(key, (entry = { metric: labels, values: [] }));
      entry.values.push([time / 1000, text(number)]);
    }
  }
  return [...series.values()];
}

function* matching(storage: Storage, params: URLSearchParams, bounded = false): Iterable<Labels> {
  const wanted = bounded || params.has("match[]") ? selectors(params) : [null];
  let count = 0;
  for (const selector of wanted) {
    for (const labels of storage.labels(selector)) {
      if (bounded && ++count > maxSeries) {
        throw new MeshError(
          "invalid-argument",
          `More than ${maxSeries} series match; narrow it by namespace or workload`,
        );
      }
      yield labels;
    }
  }
}

function selectors(params: URLSearchParams): Selector[] {
  const texts = params.getAll("match[]");
  if (texts.length === 0) throw new MeshError("invalid-argument", 'Parameter "match[]" is missing');
  return texts.map((text) => {
    const expression = parsePromql(text);
    if (expression.kind === "selector" && expression.range === null) return expression;
    throw new MeshError("invalid-argument", `Parameter "match[]" has "${text}", which is no selector`);
  });
}

function required(params: URLSearchParams, name: string): string {
  const value = params.get(name);
  if (value === null || value === "") throw new MeshError("invalid-argument", `Parameter "${name}" is missing`);
  return value;
}

/** ms since 1970, of seconds or RFC 3339. */
function timeOf(params: URLSearchParams, name: string, fallback: number | null): number {
  const value = params.get(name);
  if ((value === null || value === "") && fallback !== null) return fallback;
  const seconds = Number(value);
  const time = value === null || value === "" ? Number.NaN : Number.isNaN(seconds) ? Date.parse(value) : seconds * 1000;
  if (Number.isFinite(time)) return Math.round(time);
  throw new MeshError(
    "invalid-argument",
    `Parameter "${name}" has the value "${value}"; use seconds since 1970 or RFC 3339`,
  );
}

function stepOf(value: string): number {
  const step = /^[\d.]+$/.test(value) ? Number(value) * 1000 : durationMs(value);
  if (step >= 1) return step;
  throw new MeshError("invalid-argument", `Parameter "step" has the value "${value}"; use seconds or a duration`);
}

function text(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value);
  return value > 0 ? "+Inf" : "-Inf";
}
