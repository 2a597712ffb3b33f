import { describe, expect, test } from "bun:test";
import { SampleStore } from "../metrics/store.ts";
import { suiteLength } from "../query/source-suite.ts";
import { suiteStore } from "../query/suite-store.ts";
import { createPromApi } from "./http-api.ts";
import { oracleQueries } from "./queries.ts";
import { Storage } from "./storage.ts";

/** Of the store's time 0, ms since 1970. */
const begin = 1_700_000_000_000;
const end = (begin + suiteLength) / 1000;

function api(store: SampleStore = suiteStore(), now: () => number = () => 0) {
  const answer = createPromApi({ storage: new Storage(store, () => begin), wall: () => begin + suiteLength, now });
  return async (path: string, init?: RequestInit): Promise<{ status: number; body: Body }> => {
    const response = await answer(new Request(`http://localhost/api/v1/${path}`, init));
    return { status: response.status, body: (await response.json()) as Body };
  };
}

interface Body {
  readonly status: string;
  readonly data: unknown;
  readonly errorType?: string;
  readonly error?: string;
}

const instant = (query: string): string => `query?query=${encodeURIComponent(query)}`;

describe("Prometheus' HTTP API", () => {
  test("answers a canary's success rate, by GET and as a form", async () => {
    const query =
      'sum(rate(response_total{namespace="n",deployment=~"web",classification!="failure",direction="inbound"}[1m])) / sum(rate(response_total{namespace="n",deployment=~"web",direction="inbound"}[1m])) * 100';
    const expected = {
      status: "success",
      data: { resultType: "vector", result: [{ metric: {}, value: [end, "90"] }] },
    };
    expect((await api()(instant(query))).body).toEqual(expected);
    const body = new URLSearchParams({ query }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded", "content-length": String(body.length) };
    expect((await api()("query", { method: "POST", body, headers })).body).toEqual(expected);
  });

  test("answers a range with a point for each step", async () => {
    const { body } = await api()(`query_range?query=sum(tcp_open_connections)&start=${end - 60}&end=${end}&step=30s`);
    expect(body.data).toEqual({
      resultType: "matrix",
      result: [
        {
          metric: {},
          values: [
            [end - 60, "6"],
            [end - 30, "6"],
            [end, "6"],
          ],
        },
      ],
    });
  });

  test("lists series, labels and a label's values", async () => {
    const get = api();
    const series = await get(`series?match[]=${encodeURIComponent('tcp_open_connections{direction="inbound"}')}`);
    expect(series.body.data).toMatchObject([
      { __name__: "tcp_open_connections", namespace: "n", pod: "web-1", peer: "src" },
    ]);
    expect((await get("label/deployment/values?match[]=response_total")).body.data).toEqual(["voting", "web"]);
    expect((await get("label/__name__/values")).body.data).toContain("response_latency_ms_bucket");
    expect((await get("labels?match[]=inbound_http_authz_deny_total")).body.data).toContain("srv_name");
  });

  test("each query that is compared with Prometheus has an answer", async () => {
    const get = api();
    for (const query of oracleQueries) expect([query, (await get(instant(query))).status]).toEqual([query, 200]);
  });

  test("what is not supported, or wrong, is refused and says where", async () => {
    const get = api();
    for (const [query, reason] of [
      ["sum(", "Could not read the query at character 5: the query ends here"],
      ["rate(response_total)", "Function rate needs a range of samples, such as rate(metric[1m])"],
      ["rate(response_total[5m:1m])", "Could not read the query at character 23: subqueries are not supported"],
      ["response_total @ 0", "Could not read the query at character 16: the @ modifier is not supported"],
      ["holt_winters(response_total[1m], 1, 1)", 'Function "holt_winters" is not supported'],
      ["{}", "A selector needs a metric or a matcher that does not match the empty text"],
      ['a{b=~"(a+)+"}', "Could not read the query at character 6: repetitions of repetitions are not supported"],
      ['a{b="x"', 'Could not read the query at character 8: expected ","'],
      ["constructor(a)", 'Function "constructor" is not supported'],
      ["a ~ b", 'Could not read the query at character 3: unexpected character "~"'],
    ] as const) {
      const { status, body } = await get(instant(query));
      expect([status, body.errorType, body.error]).toEqual([400, "bad_data", reason]);
    }
    expect((await get("admin/tsdb")).status).toBe(404);
    expect((await get("query")).body.error).toBe('Parameter "query" is missing');
  });

  test("points, depth, length, series and time are bounded", async () => {
    const get = api();
    const long = await get(`query_range?query=1&start=0&end=${end}&step=1`);
    expect(long.body.error).toContain("at most 11000 are allowed");
    expect((await get(instant("(".repeat(1000)))).body.error).toContain("more than 64 expressions within each other");
    expect((await get(instant(`a${" ".repeat(10_000)}`))).body.error).toContain("at most 10000 are allowed");
    const store = new SampleStore({ families: new Set(["c_total"]), maxPerTarget: 20_000 });
    store.add("p", 0, Array.from({ length: 10_001 }, (_, i) => `c_total{h="${i}"} 1`).join("\n"));
    expect((await api(store)(instant("c_total"))).body.error).toContain("more than 10000 series");
    let now = 0;
    const slow = await api(undefined, () => (now += 3000))(instant("sum(response_total) + sum(response_total)"));
    expect([slow.status, slow.body.errorType]).toEqual([503, "timeout"]);
  });

  test("a series that its proxy no longer has is gone at once, and rates of hours ago use the coarse tier", async () => {
    const store = new SampleStore({ families: new Set(["c_total"]) });
    const length = 4 * 3_600_000;
    for (let now = 0; now <= length; now += 10_000) {
      store.add("p", now, now === length ? "c_total 1\n" : `c_total 1\nc_total{a="b"} ${now / 1000}\n`);
    }
    const answer = createPromApi({
      storage: new Storage(store, () => begin),
      wall: () => begin + length,
      now: () => 0,
    });
    const ask = async (query: string, time: number): Promise<unknown> => {
      const path = `http://localhost/api/v1/${instant(query)}&time=${(begin + time) / 1000}`;
      return (
        ((await (await answer(new Request(path))).json()) as Body).data as {
          result: Array<{ value: [number, string] }>;
        }
      ).result.map(({ value }) => Number(value[1]));
    };
    expect(await ask('c_total{a="b"}', length)).toEqual([]);
    expect(await ask('c_total{a="b"}', length - 10_000)).toEqual([(length - 10_000) / 1000]);
    expect(await ask('rate(c_total{a="b"}[1m])', length - 3 * 3_600_000)).toEqual([expect.closeTo(1, 1)]);
  });
});
