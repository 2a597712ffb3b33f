/** The same answers from Debian's Prometheus (`apt-get install prometheus`): it is the oracle of what sums mean. */
import { afterAll, beforeAll, test } from "bun:test";
import { fetchText } from "../metrics/fetch-text.ts";
import { startPrometheus, type Prometheus } from "../testing/prometheus.ts";
import { PrometheusSource } from "./prometheus-source.ts";
import { openMetrics, sourceSuite, suiteLength } from "./source-suite.ts";

if (Bun.which("prometheus") === null || Bun.which("promtool") === null) {
  test.skip("needs prometheus and promtool: apt-get install prometheus", () => {});
} else {
  let prometheus: Prometheus;
  const begin = Math.floor(Date.now() / 60_000) * 60_000 - 3_600_000;
  beforeAll(async () => {
    prometheus = await startPrometheus(openMetrics(begin));
  }, 30_000);
  afterAll(async () => {
    await prometheus?.stop();
  });
  sourceSuite("Prometheus", () => new PrometheusSource(prometheus.url, fetchText, (begin + suiteLength) / 1000));
}
