/** Debian's Prometheus (`apt-get install prometheus`) is the oracle: every query gives the same there and here. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { fetchText } from "../metrics/fetch-text.ts";
import { suiteStore } from "../query/suite-store.ts";
import { openMetrics, suiteLength } from "../query/source-suite.ts";
import { startPrometheus, type Prometheus } from "../testing/prometheus.ts";
import { createPromApi } from "./http-api.ts";
import { oracleQueries } from "./queries.ts";
import { Storage } from "./storage.ts";

interface Answer {
  readonly status: string;
  readonly data: {
    readonly resultType: string;
    readonly result: ReadonlyArray<{
      readonly metric: Record<string, string>;
      readonly value?: [number, string];
      readonly values?: Array<[number, string]>;
    }>;
  };
}

/** Sorted, numbers to six digits. */
function plain({ data }: Answer): unknown {
  const digits = (value: string): string => (Number.isFinite(Number(value)) ? Number(value).toPrecision(6) : value);
  if (data.resultType === "scalar") return digits((data.result as unknown as [number, string])[1]);
  return data.result
    .map(({ metric, value, values }) => {
      const labels = JSON.stringify(Object.entries(metric).toSorted(([a], [b]) => (a < b ? -1 : 1)));
      return [
        labels,
        ...[...(values ?? []), ...(value === undefined ? [] : [value])].map(
          ([time, number]) => `${time} ${digits(number)}`,
        ),
      ];
    })
    .toSorted((a, b) => ((a[0] ?? "") < (b[0] ?? "") ? -1 : 1));
}

if (Bun.which("prometheus") === null || Bun.which("promtool") === null) {
  test.skip("needs prometheus and promtool: apt-get install prometheus", () => {});
} else {
  describe("PromQL", () => {
    let prometheus: Prometheus;
    const begin = Math.floor(Date.now() / 60_000) * 60_000 - 3_600_000;
    const end = (begin + suiteLength) / 1000;
    const api = createPromApi({
      storage: new Storage(suiteStore(), () => begin),
      wall: () => end * 1000,
      now: () => 0,
    });
    beforeAll(async () => {
      prometheus = await startPrometheus(openMetrics(begin));
    }, 30_000);
    afterAll(async () => {
      await prometheus?.stop();
    });

    async function both(path: string): Promise<[ours: unknown, oracles: unknown]> {
      const ours = (await (await api(new Request(`http://localhost${path}`))).json()) as Answer;
      return [
        ours.status === "success" ? plain(ours) : ours,
        plain(JSON.parse(await fetchText(`${prometheus.url}${path}`)) as Answer),
      ];
    }

    for (const query of oracleQueries) {
      test(query, async () => {
        const [ours, oracles] = await both(`/api/v1/query?query=${encodeURIComponent(query)}&time=${end}`);
        expect(ours).toEqual(oracles);
        const [range, oraclesRange] = await both(
          `/api/v1/query_range?query=${encodeURIComponent(query)}&start=${end - 400}&end=${end}&step=37`,
        );
        expect(range).toEqual(oraclesRange);
      });
    }
  });
}
