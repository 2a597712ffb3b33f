import { describe, expect, test } from "bun:test";
import {
  coarseLength,
  coarseStep,
  fineLength,
  latest,
  rate,
  retention,
  samples,
  SampleStore,
  type Series,
} from "./store.ts";

const families = new Set(["c_total", "g"]);
const only = (store: SampleStore, target: string): Series => [...store.seriesOf(target)][0]!;

describe("SampleStore", () => {
  test("keeps only the wanted families", () => {
    const store = new SampleStore({ families });
    store.add("p", 0, "c_total 1\nother 2\n");
    expect(store.size).toBe(1);
  });

  test("rate() is the increase per second inside the window", () => {
    const store = new SampleStore({ families });
    store.add("p", 0, "c_total 0\n");
    store.add("p", 10_000, "c_total 100\n");
    store.add("p", 20_000, "c_total 300\n");
    expect(rate(only(store, "p"), 20_000, 60_000)).toBe(15);
    expect(rate(only(store, "p"), 20_000, 10_000)).toBe(20);
  });

  test("rate() counts from zero after a restart of the target", () => {
    const store = new SampleStore({ families });
    store.add("p", 0, "c_total 1000\n");
    store.add("p", 10_000, "c_total 50\n");
    expect(rate(only(store, "p"), 10_000, 60_000)).toBe(5);
  });

  test("a series that appears between two scrapes counts from its first event", () => {
    const store = new SampleStore({ families });
    store.add("p", 0, "g 1\n");
    store.add("p", 10_000, 'g 1\nc_total{code="500"} 20\n');
    const series = [...store.seriesOf("p")].find((candidate) => candidate.name === "c_total")!;
    expect(rate(series, 10_000, 60_000)).toBe(2);
  });

  test("scrapes beyond the fine tier are kept as steps of five minutes, up to six hours", () => {
    const store = new SampleStore({ families });
    const end = 8 * 3_600_000;
    for (let now = 0; now <= end; now += 10_000) store.add("p", now, `c_total ${now / 10}\ng ${now}\n`);
    for (const series of store.seriesOf("p")) {
      const times = samples(series, 0, end).map(([time]) => time);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(times.length).toBeLessThanOrEqual(fineLength + coarseLength);
      expect(end - times[0]!).toBeWithin(retention - 2 * coarseStep, retention + coarseStep);
    }
    const [counter, gauge] = [...store.seriesOf("p")];
    for (const window of [60_000, 900_000, retention]) expect(rate(counter!, end, window)).toBeCloseTo(100, 2);
    expect(samples(gauge!, end - 3_600_000, end)[0]).toEqual([end - 3_600_000 + 290_000, end - 3_600_000 + 290_000]);
  });

  test("a counter that restarts or is absent for a while never falls, in either tier", () => {
    const store = new SampleStore({ families });
    const counts = [5, 9, null, 12, 3, 4];
    counts.forEach((count, i) => store.add("p", i * 10_000, count === null ? "" : `c_total ${count}\n`));
    expect(samples(only(store, "p"), 0, 60_000)).toEqual([
      [0, 5],
      [10_000, 9],
      [30_000, 12],
      [40_000, 15],
      [50_000, 16],
    ]);
  });

  test("a million hosts leave the number of series constant, and new ones replace those that are gone", () => {
    const store = new SampleStore({ families, maxPerTarget: 100 });
    let made = 0;
    for (let scrape = 0; made < 1_000_000; scrape++) {
      const lines: string[] = [];
      for (let i = 0; i < 2000; i++) lines.push(`c_total{authority="h${made++}"} 1`);
      store.add("p", scrape * 10_000, lines.join("\n"));
      expect(store.size).toBe(100);
    }
    const last = [...store.seriesOf("p")].map((series) => series.labels.get("authority"));
    expect(last.every((host) => Number(host?.slice(1)) >= made - 4000)).toBe(true);
    expect(store.rejected).toBeGreaterThan(900_000);
  });

  test("a target that is gone is remembered until there is no room", () => {
    const store = new SampleStore({ families, maxSeries: 2 });
    store.add("old", 0, "c_total 1\n");
    store.retire("old", 1000);
    store.add("p", 2000, "c_total 1\n");
    expect(store.size).toBe(2);
    store.add("q", 3000, "c_total 1\n");
    expect([store.size, [...store.seriesOf("old")]]).toEqual([2, []]);
  });

  test("refuses series beyond its limit and says how many", () => {
    const store = new SampleStore({ families, maxSeries: 2 });
    store.add("p", 0, 'c_total{a="1"} 1\nc_total{a="2"} 1\nc_total{a="3"} 1\n');
    expect(store.size).toBe(2);
    expect(store.rejected).toBe(1);
  });

  test("drop() forgets a target with all its series", () => {
    const store = new SampleStore({ families });
    store.add("p", 0, "c_total 1\n");
    store.drop("p");
    expect(store.size).toBe(0);
    expect([...store.seriesOf("p")]).toEqual([]);
  });

  test("latest() ignores a gauge that was not seen inside the window", () => {
    const store = new SampleStore({ families });
    store.add("p", 1000, "g 7\n");
    expect(latest(only(store, "p"), 2000, 5000)).toBe(7);
    expect(latest(only(store, "p"), 60_000, 5000)).toBe(0);
  });
});
