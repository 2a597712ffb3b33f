/** Clients that do no harm: requests at a fixed rate by the suites' own program. */
import type { Pair } from "./pair.ts";

export interface LoadOptions {
  readonly url: string;
  readonly proto: "h1" | "h2";
  /** Requests a second. */
  readonly rate: number;
  readonly seconds: number;
  /** Clients that share no connection. */
  readonly clients: number;
}

/** Times in ms, from when a request was due. */
export interface LoadResult {
  /** Answers by status; "error" for requests without one. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Of requests that were not answered 200. */
  readonly otherP99: number;
  readonly otherMax: number;
  /** Requests answered 200, in each second from the start on. */
  readonly perSecond: readonly number[];
  readonly errors: readonly string[];
}

/** @param app the path of the program */
export async function load(pair: Pair, app: string, options: LoadOptions): Promise<LoadResult> {
  const { url, proto, rate, seconds, clients } = options;
  const argv = [
    app,
    "load",
    `-url=${url}`,
    `-proto=${proto}`,
    `-rate=${rate}`,
    `-seconds=${seconds}`,
    `-clients=${clients}`,
  ];
  const { code, output } = await pair.runInClient(argv, seconds * 1000 + 40_000);
  if (code !== 0) throw new Error(`The load ended with ${code}: ${output}`);
  return JSON.parse(output) as LoadResult;
}

export function succeeded({ statuses }: LoadResult): { readonly ok: number; readonly failed: number } {
  const ok = statuses["200"] ?? 0;
  return { ok, failed: Object.values(statuses).reduce((sum, count) => sum + count, 0) - ok };
}
