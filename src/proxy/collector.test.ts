import { expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { CollectorPace } from "./collector.ts";

function setUp(size = 3_000_000, duration = 0) {
  const done: string[] = [];
  const clock = new FakeClock();
  const pace = new CollectorPace(clock, {
    young: () => (done.push("young"), clock.advance(duration)),
    all: () => (done.push("all"), clock.advance(duration)),
    shrink: () => done.push("shrink"),
    settle: () => done.push("settle"),
    size: () => size,
  });
  clock.advance(1000);
  expect(done.splice(0)).toEqual(["settle"]);
  const read = (times: number, bytes = 200): void => {
    for (let i = 0; i < times; i++) pace.onRead(bytes);
  };
  return { pace, clock, done, read };
}

test("a collection follows after 500 reads, and each fifth one is a full one", () => {
  const { done, read } = setUp();
  read(499);
  expect(done).toEqual([]);
  read(1);
  expect(done).toEqual(["young"]);
  read(500 * 5);
  expect(done.filter((what) => what === "all").length).toBe(1);
  expect(done.length).toBe(6);
});

test("with few requests a second, full collections are rare: their pauses are the longest", () => {
  const { clock, done, read } = setUp();
  for (let times = 0; times < 100; times++) {
    read(500);
    clock.advance(250);
  }
  expect(done.filter((what) => what === "all").length).toBe(2);
});

test("large chunks don't count", () => {
  const { done, read } = setUp();
  read(10_000, 100_000);
  expect(done).toEqual([]);
});

test("after 2000 of many requests at a time all is collected, of very many after a fifth of them", () => {
  const { pace, done, read } = setUp();
  const requests = (open: number, times: number): string[] => {
    for (let i = 0; i < open; i++) pace.onStreamOpened();
    for (let i = 0; i < times; i++) {
      pace.onStreamEnded();
      pace.onStreamOpened();
      if (i % 100 === 0) read(1);
    }
    for (let i = 0; i < open; i++) pace.onStreamEnded();
    return done.splice(0);
  };
  expect(requests(900, 10_000)).toEqual([]);
  expect(requests(1100, 10_000)).toEqual(["all", "all", "all", "all", "all"]);
  expect(requests(20_000, 20_000).length).toBe(5);
});

test("each new connection is followed by a collection for 250 ms of them in ten seconds, then one counts for 150 reads", () => {
  const { pace, clock, done } = setUp(3_000_000, 1);
  const open = (times: number): number => {
    for (let i = 0; i < times; i++) {
      pace.onOpened();
      clock.advance(6);
    }
    return done.splice(0).filter((what) => what !== "settle").length;
  };
  // Of 48 one counts for 150 reads each: a few connections are not worth it.
  expect(open(48)).toBe(12);
  expect(open(250)).toBe(250);
  expect(open(100)).toBe(25);
  clock.advance(10_000);
  open(48);
  expect(open(250)).toBe(250);
});

test("what opening connections needed goes a second after the first 32, once", () => {
  const { pace, clock, done } = setUp();
  const settles = (openings: number): number => {
    for (let i = 0; i < openings; i++) pace.onOpened();
    clock.advance(1000);
    return done.splice(0).filter((what) => what === "settle").length;
  };
  expect(settles(31)).toBe(0);
  expect(settles(1)).toBe(1);
  expect(settles(1000)).toBe(0);
});

test("new connections are less dear while the heap is large", () => {
  const { pace, done } = setUp(40_000_000);
  for (let i = 0; i < 4 + 80; i++) pace.onOpened();
  expect(done).toEqual(["young", "young"]);
});

test("collections that take long leave most of the time to the work", () => {
  const clock = new FakeClock();
  let count = 0;
  const collect = (): void => {
    count++;
    clock.advance(10);
  };
  const pace = new CollectorPace(clock, {
    young: collect,
    all: collect,
    shrink() {},
    settle() {},
    size: () => 3_000_000,
  });
  const start = clock.now();
  for (let i = 0; i < 50_000; i++) {
    pace.onOpened();
    clock.advance(0.1);
  }
  expect((10 * count) / (clock.now() - start)).toBeLessThan(0.2);
  expect(count).toBeGreaterThan(10);
});

test("memory is given back once, in the first quiet moment after a busy time", () => {
  const { clock, done, read } = setUp();
  clock.advance(30_000);
  read(6000);
  done.length = 0;
  clock.advance(10_000);
  expect(done).toEqual([]);
  read(500);
  done.length = 0;
  clock.advance(60_000);
  expect(done).toEqual(["shrink"]);
});

test("large chunks make a time busy as well", () => {
  const { clock, done, read } = setUp();
  read(1, 100_000);
  clock.advance(60_000);
  expect(done).toEqual(["shrink"]);
});

test("a large heap is collected less often: ten thousand connections must not cost ten thousand collections", () => {
  const { done, read } = setUp(40_000_000);
  read(500);
  read(11_999);
  expect(done).toEqual(["young"]);
  read(1);
  expect(done).toEqual(["young", "young"]);
});
