import { describe, expect, test } from "bun:test";
import { latest, rate, SampleStore, type Series } from "./store.ts";

const families = new Set(["c", "g"]);
const only = (store: SampleStore, target: string): Series => [...store.seriesOf(target)][0]!;

describe("SampleStore", () => {
  test("keeps only the wanted families", () => {
    const store = new SampleStore({ families });
    store.add("p", 0, "c 1\nother 2\n");
    expect(store.size).toBe(1);
  });

  test("rate() is the increase per second inside the window", () => {
    const store = new SampleStore({ families });
    store.add("p", 0, "c 0\n");
    store.add("p", 10_000, "c 100\n");
    store.add("p", 20_000, "c 300\n");
    expect(rate(only(store, "p"), 20_000, 60_000)).toBe(15);
    expect(rate(only(store, "p"), 20_000, 10_000)).toBe(20);
  });

  test("rate() counts from zero after a restart of the target", () => {
    const store = new SampleStore({ families });
    store.add("p", 0, "c 1000\n");
    store.add("p", 10_000, "c 50\n");
    expect(rate(only(store, "p"), 10_000, 60_000)).toBe(5);
  });

  test("a series that appears between two scrapes counts from its first event", () => {
    const store = new SampleStore({ families });
    store.add("p", 0, "g 1\n");
    store.add("p", 10_000, 'g 1\nc{code="500"} 20\n');
    const series = [...store.seriesOf("p")].find((candidate) => candidate.name === "c")!;
    expect(rate(series, 10_000, 60_000)).toBe(2);
  });

  test("the ring forgets the oldest samples", () => {
    const store = new SampleStore({ families, ring: 3 });
    for (let i = 0; i <= 10; i++) store.add("p", i * 1000, `c ${i * i}\n`);
    expect(only(store, "p").length).toBe(3);
    expect(rate(only(store, "p"), 10_000, 60_000)).toBe((100 - 64) / 2);
  });

  test("refuses series beyond its limit and says how many", () => {
    const store = new SampleStore({ families, maxSeries: 2 });
    store.add("p", 0, 'c{a="1"} 1\nc{a="2"} 1\nc{a="3"} 1\n');
    expect(store.size).toBe(2);
    expect(store.rejected).toBe(1);
  });

  test("drop() forgets a target with all its series", () => {
    const store = new SampleStore({ families });
    store.add("p", 0, "c 1\n");
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
