import { expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import type { ScrapedPod } from "./pods.ts";
import { Scraper } from "./scraper.ts";
import { SampleStore } from "./store.ts";

const pod = (name: string, ip: string | null): ScrapedPod => ({
  target: `n/${name}`,
  namespace: "n",
  name,
  meshed: true,
  running: true,
  status: "Running",
  labels: {},
  owners: new Map(),
  scrape: ip === null ? null : { ip, port: 4191 },
});

function build(fetchText: (url: string) => Promise<string>, concurrency = 32) {
  const clock = new FakeClock();
  const store = new SampleStore({ families: new Set(["c"]) });
  const { log, lines } = memoryLog();
  const scraper = new Scraper({ clock, store, log, random: { next: () => 0 }, fetchText, concurrency });
  return { clock, store, scraper, lines };
}

test("a pod is scraped soon after it came and then on every beat", async () => {
  const urls: string[] = [];
  const { clock, store, scraper } = build(async (url) => {
    urls.push(url);
    return "c 1\n";
  });
  scraper.apply(pod("a", "fd00::1"));
  clock.advance(500);
  await Promise.resolve();
  clock.advance(10_000);
  await Promise.resolve();
  expect(urls).toEqual(["http://[fd00::1]:4191/metrics", "http://[fd00::1]:4191/metrics"]);
  expect(store.size).toBe(1);
});

test("a failing pod is reported once and when it works again", async () => {
  let fail = true;
  const { clock, scraper, lines } = build(async () => {
    if (fail) throw new Error("no answer");
    return "";
  });
  scraper.apply(pod("a", "10.0.0.1"));
  for (let i = 0; i < 3; i++) {
    clock.advance(10_000);
    await Bun.sleep(0);
  }
  fail = false;
  clock.advance(10_000);
  await Bun.sleep(0);
  expect(lines.map((line) => line.split(": ")[1]?.split(" pod=")[0])).toEqual([
    "Could not scrape a proxy",
    "Scraping works again",
  ]);
  expect(scraper.counts).toEqual({ done: 1, failed: 3, postponed: 0 });
});

test("samples of a pod that went while it was scraped are not kept", async () => {
  let answer: (text: string) => void = () => {};
  const { clock, store, scraper } = build(() => new Promise((resolve) => (answer = resolve)));
  scraper.apply(pod("a", "10.0.0.1"));
  clock.advance(500);
  scraper.remove("n/a");
  answer("c 1\n");
  await Bun.sleep(0);
  expect(store.size).toBe(0);
  expect(clock.timers).toBe(0);
});

test("no more scrapes run at a time than allowed", () => {
  const { clock, scraper } = build(() => new Promise(() => {}), 2);
  for (const name of ["a", "b", "c"]) scraper.apply(pod(name, "10.0.0.1"));
  clock.advance(500);
  expect(scraper.counts.postponed).toBe(1);
});
