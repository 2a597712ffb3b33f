/** A Prometheus that scrapes the proxies as a source of sums. https://prometheus.io/docs/prometheus/latest/querying/api/ */
import { MeshError } from "#lib/errors.ts";
import type { Matcher, MetricsSource, Sum, SumQuery } from "./source.ts";

/** GETs a URL within limits of time and size. */
export type FetchText = (url: string) => Promise<string>;

export class PrometheusSource implements MetricsSource {
  private readonly url: string;
  private readonly fetchText: FetchText;
  private readonly time: string;

  /**
   * @param url as users configure it, with or without a path
   * @param at seconds since 1970 for which is asked, default now
   */
  constructor(url: string, fetchText: FetchText, at: number | null = null) {
    this.time = at === null ? "" : `&time=${at}`;
    this.url = url.replace(/\/+$/, "");
    this.fetchText = fetchText;
  }

  async sum(query: SumQuery): Promise<readonly Sum[]> {
    const url = `${this.url}/api/v1/query?query=${encodeURIComponent(promql(query))}${this.time}`;
    const answer = readVector(await this.fetchText(url));
    return answer.map(({ metric, value }) => ({
      labels: Object.fromEntries(query.by.map((name) => [name, metric[name] ?? ""])),
      value: Number(value[1]),
    }));
  }
}

/** The query in Prometheus' language. Names come from this program; values of users stand in quotes, escaped. */
export function promql({ metric, of, where, by, window }: SumQuery): string {
  const selector = `${metric}{${where.map(matcherText).join(",")}}`;
  const range = `[${Math.round(window / 1000)}s]`;
  const inner = of === "rate" ? `rate(${selector}${range})` : selector;
  return by.length === 0 ? `sum(${inner})` : `sum by (${by.join(",")}) (${inner})`;
}

function matcherText({ label, op, value }: Matcher): string {
  if (typeof value === "string") return `${label}${op}${quoted(value)}`;
  const escaped = value.map((text) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`));
  return `${label}=~${quoted(escaped.join("|"))}`;
}

function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

interface VectorItem {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

function readVector(text: string): readonly VectorItem[] {
  let body: {
    readonly status?: string;
    readonly error?: string;
    readonly data?: { readonly resultType?: string; readonly result?: readonly VectorItem[] };
  };
  try {
    body = JSON.parse(text) as typeof body;
  } catch (error) {
    throw new MeshError("protocol", "Prometheus sent an answer that is not JSON", { cause: error });
  }
  if (body.status !== "success" || body.data?.resultType !== "vector" || body.data.result === undefined) {
    throw new MeshError("unavailable", `Prometheus could not answer: ${body.error ?? "no reason given"}`);
  }
  return body.data.result;
}
