/**
 * Where answers get their numbers: sums over the proxies' metrics. Two ways exist, the embedded store and a Prometheus
 * that scrapes the same proxies; whatever an answer does with the sums is written once.
 *
 * Series carry what the proxy says and whose proxy it is: namespace, pod, deployment, k8s_job and so on.
 */
export interface Matcher {
  readonly label: string;
  /** Equal, unequal: a label that is absent is equal to "". Or one of several. */
  readonly op: "=" | "!=" | "in";
  readonly value: string | readonly string[];
}

export interface SumQuery {
  /** Full name of a metric, of a histogram with `_bucket`. */
  readonly metric: string;
  /** `rate`: increase per second over the window. `latest`: newest values. */
  readonly of: "rate" | "latest";
  readonly where: readonly Matcher[];
  /** Labels by which the sum is told apart; those that are absent are "". */
  readonly by: readonly string[];
  /** ms */
  readonly window: number;
}

export interface Sum {
  /** Values of the labels in `by`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricsSource {
  sum(query: SumQuery): Promise<readonly Sum[]>;
}
