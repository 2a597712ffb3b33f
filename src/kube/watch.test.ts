import { afterEach, describe, expect, test } from "bun:test";
import { type Clock, systemClock } from "#lib/clock.ts";
import { memoryLog } from "#lib/log.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { until } from "#lib/watchable.ts";
import { Watchable } from "#lib/watchable.ts";
import { KubeClient } from "./client.ts";
import { resources } from "./resource.ts";
import { FakeApi, failure } from "./testing/fake-api.ts";
import type { KubeObject } from "./types/meta.ts";
import { type ResourceWatch, watchResource } from "./watch.ts";

const { pods } = resources;

/** Real time, but pauses of the backoff take no time: the tests wait for events, never for a duration. */
const hasty: Clock = { ...systemClock, after: (delay, run) => systemClock.after(delay >= 8000 ? delay : 0, run) };

function pod(name: string, label = "a"): KubeObject {
  return { metadata: { name, namespace: "web", labels: { label } } };
}

class Recorder {
  readonly seen = new Map<string, string>();
  readonly calls: string[] = [];
  readonly changed = new Watchable(0);

  apply(object: KubeObject): void {
    if (object.metadata.labels?.["label"] === "poison") throw new Error("the index chokes");
    this.seen.set(object.metadata.name, object.metadata.labels?.["label"] ?? "");
    this.note(`apply ${object.metadata.name}`);
  }
  delete(namespace: string, name: string): void {
    this.seen.delete(name);
    this.note(`delete ${namespace}/${name}`);
  }
  reset(all: readonly KubeObject[], removed: ReadonlyArray<{ namespace: string; name: string }>): void {
    this.seen.clear();
    for (const object of all) this.seen.set(object.metadata.name, object.metadata.labels?.["label"] ?? "");
    this.note(`reset ${all.length} removed ${removed.map(({ name }) => name).join(",")}`);
  }
  private note(text: string): void {
    this.calls.push(text);
    this.changed.set(this.calls.length);
  }
  has(...calls: string[]): Promise<number> {
    return until(this.changed, () => calls.every((call) => this.calls.includes(call)));
  }
}

const cleanups: Array<() => unknown> = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

function start(api: FakeApi, recorder: Recorder, clock = hasty): { watch: ResourceWatch; lines: string[] } {
  const { log, lines } = memoryLog("debug");
  const watch = watchResource(new KubeClient(api.access), { resource: pods }, recorder, {
    clock,
    random: { next: () => 0.5 },
    log,
  });
  cleanups.push(async () => {
    watch.stop();
    await watch.ended;
  });
  return { watch, lines };
}

function newApi(): FakeApi {
  const api = new FakeApi();
  cleanups.push(() => api.stop());
  return api;
}

describe("watchResource", () => {
  test("hands over the list, then every change", async () => {
    const api = newApi();
    api.put(pods, pod("one"));
    const recorder = new Recorder();
    const { watch } = start(api, recorder);
    expect(watch.listed.get()).toBe(false);
    await until(watch.listed, Boolean);
    expect(recorder.calls).toEqual(["reset 1 removed "]);
    api.put(pods, pod("two"));
    api.put(pods, pod("one", "b"));
    api.remove(pods, "two", "web");
    await recorder.has("apply two", "apply one", "delete web/two");
    expect([...recorder.seen]).toEqual([["one", "b"]]);
    expect(watch.stats.objects).toBe(1);
  });

  test("goes on from where it was after an orderly end and after a broken connection, without a new list", async () => {
    const api = newApi();
    const recorder = new Recorder();
    const { watch } = start(api, recorder);
    await until(watch.listed, Boolean);
    for (const how of ["orderly", "broken"] as const) {
      api.put(pods, pod(`before-${how}`));
      await recorder.has(`apply before-${how}`);
      api.endWatches(how);
      api.put(pods, pod(`after-${how}`));
      await recorder.has(`apply after-${how}`);
    }
    expect(watch.stats.lists).toBe(1);
  });

  test("lists anew after 410 and tells what vanished meanwhile", async () => {
    const api = newApi();
    api.put(pods, pod("stays"));
    api.put(pods, pod("goes"));
    const recorder = new Recorder();
    start(api, recorder);
    await recorder.has("reset 2 removed ");
    let refuse = true;
    api.intercept = (_request, url) => (refuse && url.searchParams.has("watch") ? failure(503, "", "away") : null);
    api.endWatches("broken");
    api.remove(pods, "goes", "web");
    api.put(pods, pod("new"));
    api.compact();
    api.put(pods, pod("newer"));
    refuse = false;
    await recorder.has("reset 3 removed goes");
    expect([...recorder.seen.keys()].toSorted()).toEqual(["new", "newer", "stays"]);
  });

  test("lists anew when 410 comes as an event inside the watch", async () => {
    const api = newApi();
    const recorder = new Recorder();
    const { watch } = start(api, recorder);
    await until(watch.listed, Boolean);
    api.put(pods, pod("one"));
    await recorder.has("apply one");
    api.sendLine(JSON.stringify({ type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } }));
    await recorder.has("reset 1 removed ");
    expect(watch.stats.failures).toBe(0);
  });

  test("a bookmark moves the position, so that a quiet watch survives compaction", async () => {
    const api = newApi();
    const recorder = new Recorder();
    const { watch } = start(api, recorder);
    await until(watch.listed, Boolean);
    while (api.openWatches === 0) await Bun.sleep(1);
    // Other kinds move the version on.
    api.put(resources.services, { metadata: { name: "x", namespace: "web" } });
    api.bookmark();
    api.put(pods, pod("marker"));
    await recorder.has("apply marker");
    api.compact();
    api.endWatches("orderly");
    api.put(pods, pod("later"));
    await recorder.has("apply later");
    expect(watch.stats.lists).toBe(1);
  });

  test("a garbage line leads to a new list, and nothing is lost", async () => {
    const api = newApi();
    const recorder = new Recorder();
    const { watch } = start(api, recorder);
    api.put(pods, pod("one"));
    await until(watch.listed, Boolean);
    while (api.openWatches === 0) await Bun.sleep(1);
    api.sendLine("{garbage");
    await until(recorder.changed, () => watch.stats.lists === 2);
    expect([...recorder.seen.keys()]).toEqual(["one"]);
    expect(watch.stats.skipped).toBe(1);
  });

  test("an object without a name and one that the index chokes on are skipped, counted and logged", async () => {
    const api = newApi();
    const recorder = new Recorder();
    const { watch, lines } = start(api, recorder);
    await until(watch.listed, Boolean);
    while (api.openWatches === 0) await Bun.sleep(1);
    api.sendLine(JSON.stringify({ type: "ADDED", object: { metadata: {} } }));
    api.put(pods, pod("bad", "poison"));
    api.put(pods, pod("good"));
    await recorder.has("apply good");
    expect(watch.stats.skipped).toBe(2);
    expect(watch.stats.lists).toBe(1);
    expect(lines.filter((line) => line.includes("Skipped")).length).toBe(2);
  });

  test("lists anew when the server keeps refusing the watch, not when it is merely away", async () => {
    const api = newApi();
    const recorder = new Recorder();
    const { watch } = start(api, recorder);
    await until(watch.listed, Boolean);
    while (api.openWatches === 0) await Bun.sleep(1);
    let refusals = 0;
    api.intercept = (_request, url) => {
      if (!url.searchParams.has("watch") || refusals++ >= 7) return null;
      return failure(400, "BadRequest", "the position is not valid");
    };
    api.endWatches("orderly");
    await recorder.has("reset 0 removed ");
    while (watch.stats.lists < 2) await Bun.sleep(1);
    expect(watch.stats.failures).toBeGreaterThanOrEqual(5);
    expect(api.requests.filter((line) => line.includes("limit=")).length).toBe(watch.stats.lists);
  });

  test("lists anew at the second time that a server does not know the position yet: it was set back", async () => {
    const api = newApi();
    const recorder = new Recorder();
    const { watch } = start(api, recorder);
    await until(watch.listed, Boolean);
    while (api.openWatches === 0) await Bun.sleep(1);
    let refused = 0;
    api.intercept = (_request, url) => {
      if (!url.searchParams.has("watch") || watch.stats.lists > 1) return null;
      refused++;
      return failure(504, "Timeout", "Too large resource version: 105, current: 7");
    };
    api.endWatches("orderly");
    while (watch.stats.lists < 2) await Bun.sleep(1);
    expect(refused).toBe(2);
  });

  test("a server that is starting says nothing about the position, however often it refuses", async () => {
    const api = newApi();
    const recorder = new Recorder();
    const { watch } = start(api, recorder);
    await until(watch.listed, Boolean);
    while (api.openWatches === 0) await Bun.sleep(1);
    let refusals = 0;
    api.intercept = () => (refusals++ < 20 ? failure(429, "TooManyRequests", "storage is (re)initializing") : null);
    api.endWatches("broken");
    api.put(pods, pod("one"));
    await recorder.has("apply one");
    expect(watch.stats).toMatchObject({ lists: 1, failures: 20 });
  });

  /** Ten times as fast as real time. */
  const fast: Clock = { ...systemClock, after: (delay, run) => systemClock.after(delay / 10, run) };

  test.each([
    ["a server that comes back with its history is followed from where it was", false, 1],
    ["a server that comes back without its history is listed once", true, 2],
  ])("%s, and the copy is right within 10 s", async (_what, forget, lists) => {
    const api = newApi();
    for (let index = 0; index < 50; index++) api.put(pods, pod(`p${index}`));
    const recorder = new Recorder();
    const { watch } = start(api, recorder, fast);
    await until(watch.listed, Boolean);
    while (api.openWatches === 0) await Bun.sleep(1);
    const back = await api.crash();
    for (let index = 0; index < 50; index += 3) api.remove(pods, `p${index}`, "web");
    for (let index = 40; index < 60; index++) api.put(pods, pod(`p${index}`, "b"));
    if (forget) api.compact();
    // Away for 10 s of the watch's time, so that its pauses are as long as they get.
    await Bun.sleep(1000);
    const returned = performance.now();
    back();
    const right = [...Array.from({ length: 60 }, (_, index) => `p${index}`)]
      .filter((name) => api.read(pods, name, "web") !== null)
      .map((name) => `${name}=${api.read(pods, name, "web")?.metadata.labels?.["label"] ?? ""}`)
      .toSorted();
    const copy = (): string[] => [...recorder.seen].map(([name, label]) => `${name}=${label}`).toSorted();
    await until(recorder.changed, () => Bun.deepEquals(copy(), right));
    expect((performance.now() - returned) * 10).toBeLessThan(10_000);
    expect(watch.stats.lists).toBe(lists);
  });

  test("a server that takes a watch and never answers is given up after 8 s", async () => {
    const api = newApi();
    const recorder = new Recorder();
    const clock = new FakeClock();
    let hang = true;
    api.intercept = (_request, url) => (hang && url.searchParams.has("watch") ? new Promise<null>(() => {}) : null);
    const { watch } = start(api, recorder, clock);
    await until(watch.listed, Boolean);
    while (!api.requests.some((line) => line.includes("watch=1"))) await Bun.sleep(1);
    hang = false;
    api.put(pods, pod("one"));
    clock.advance(8000);
    while (watch.stats.failures === 0) await Bun.sleep(1);
    while (!recorder.seen.has("one")) {
      clock.advance(500);
      await Bun.sleep(1);
    }
    expect(watch.stats).toMatchObject({ failures: 1, lists: 1 });
  });

  test("tells how long ago each change was written", async () => {
    const api = newApi();
    const lags: number[] = [];
    const recorder = new Recorder();
    const clock = new FakeClock(Date.parse("2026-01-01T00:00:10Z"));
    const watch = watchResource(new KubeClient(api.access), { resource: pods }, recorder, {
      clock,
      random: { next: () => 0 },
      log: memoryLog().log,
      onLag: (seconds) => lags.push(seconds),
    });
    cleanups.push(() => watch.stop());
    await until(watch.listed, Boolean);
    const managedFields = [{ time: "2025-12-31T23:59:00Z" }, { time: "2026-01-01T00:00:08Z" }, {}];
    api.put(pods, { metadata: { name: "one", namespace: "web", managedFields } as KubeObject["metadata"] });
    await recorder.has("apply one");
    expect(lags).toEqual([2]);
  });

  test("never gives up: a server that is away for many attempts is found again, and says so in two lines", async () => {
    const api = newApi();
    let refusals = 0;
    api.intercept = () => (refusals++ < 20 ? failure(500, "InternalError", "etcd is away") : null);
    const recorder = new Recorder();
    api.put(pods, pod("one"));
    const { watch, lines } = start(api, recorder);
    await recorder.has("reset 1 removed ");
    expect(watch.stats.failures).toBe(20);
    expect(lines.filter((line) => line.includes("WARN")).length).toBe(1);
    expect(lines.filter((line) => line.includes("works again")).length).toBe(1);
  });

  test("opens a silent watch anew from where it was, which is no failure", async () => {
    const api = newApi();
    const recorder = new Recorder();
    const clock = new FakeClock();
    const { watch } = start(api, recorder, clock);
    await until(watch.listed, Boolean);
    while (api.openWatches === 0) await Bun.sleep(1);
    // Until the watch is open on our side too, the clock must stand still.
    api.put(pods, pod("zero"));
    await recorder.has("apply zero");
    const before = api.requests.length;
    clock.advance(74_000);
    api.put(pods, pod("one"));
    await recorder.has("apply one");
    clock.advance(74_000);
    await Bun.sleep(1);
    expect(api.requests.length).toBe(before);
    clock.advance(76_000);
    // The pause before the next attempt is on the fake clock too.
    while (api.requests.length === before) {
      await Bun.sleep(1);
      clock.advance(500);
    }
    while (api.openWatches === 0) await Bun.sleep(1);
    api.put(pods, pod("two"));
    await recorder.has("apply two");
    expect(watch.stats).toMatchObject({ failures: 0, lists: 1 });
  });

  test("says when it is refused, tries on, and takes it back", async () => {
    const api = newApi();
    let refuse = true;
    api.intercept = () => (refuse ? failure(403, "Forbidden", "pods is forbidden") : null);
    const { watch } = start(api, new Recorder());
    expect(await until(watch.refused, Boolean)).toBe("forbidden");
    expect(watch.listed.get()).toBe(false);
    refuse = false;
    await until(watch.listed, Boolean);
    expect(watch.refused.get()).toBeNull();
  });

  test("a kind that is not there is asked for less and less often, and found when it comes", async () => {
    const api = newApi();
    let missing = true;
    api.intercept = () => (missing ? failure(404, "NotFound", "no such kind") : null);
    const clock = new FakeClock();
    const { watch } = start(api, new Recorder(), clock);
    while (watch.stats.failures < 9) {
      clock.advance(4500);
      await Bun.sleep(1);
    }
    const before = watch.stats.failures;
    clock.advance(9000);
    await Bun.sleep(5);
    expect(watch.stats.failures).toBe(before);
    missing = false;
    clock.advance(20_000);
    await until(watch.listed, Boolean);
  });

  test("a kind that is optional and not there is no warning", async () => {
    const api = newApi();
    api.intercept = () => failure(404, "NotFound", "no such kind");
    const { log, lines } = memoryLog();
    const watch = watchResource(new KubeClient(api.access), { resource: pods }, new Recorder(), {
      clock: new FakeClock(),
      random: { next: () => 0 },
      log,
      optional: "absent",
    });
    cleanups.push(() => watch.stop());
    await until(watch.refused, Boolean);
    expect(lines.map((line) => line.split(" error=")[0])).toEqual([
      expect.stringContaining("INFO") as unknown as string,
    ]);
    expect(lines[0]).toContain("Going without pods until the API server has it");
  });

  test("an older version of a kind is watched where the server has no newer one", async () => {
    const api = newApi();
    api.put(pods, pod("one"));
    const recorder = new Recorder();
    const newer = { ...pods, version: "v2" };
    api.intercept = (_request, url) =>
      url.pathname.startsWith("/api/v2/") ? failure(404, "NotFound", "no such version") : null;
    const watch = watchResource(new KubeClient(api.access), { resource: newer, older: [pods] }, recorder, {
      clock: hasty,
      random: { next: () => 0.5 },
      log: memoryLog().log,
    });
    cleanups.push(() => watch.stop());
    await recorder.has("reset 1 removed ");
    api.put(pods, pod("two"));
    await recorder.has("apply two");
    expect(watch.stats).toMatchObject({ failures: 1, lists: 1 });
  });

  test("managedFields are dropped and list items get their kind", async () => {
    const api = newApi();
    api.put(pods, pod("one"));
    const objects: KubeObject[] = [];
    const recorder = new Recorder();
    recorder.reset = (all) => {
      objects.push(...all);
      recorder.changed.set(1);
    };
    start(api, recorder);
    await until(recorder.changed, () => objects.length === 1);
    expect(objects[0]?.kind).toBe("Pod");
    expect("managedFields" in (objects[0]?.metadata ?? {})).toBe(false);
  });

  test("stops without a further call and closes its connection", async () => {
    const api = newApi();
    const recorder = new Recorder();
    const { watch } = start(api, recorder);
    await until(watch.listed, Boolean);
    while (api.openWatches === 0) await Bun.sleep(1);
    watch.stop();
    await watch.ended;
    api.put(pods, pod("late"));
    while (api.openWatches > 0) await Bun.sleep(1);
    expect(recorder.calls).toEqual(["reset 0 removed "]);
  });
});
