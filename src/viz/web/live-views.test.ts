import { expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { LiveViews } from "./live-views.ts";

function setUp(limit?: number) {
  const clock = new FakeClock();
  const state = { value: 1, renders: 0 };
  const live = new LiveViews({
    clock,
    render: (key) => {
      state.renders++;
      return `${key} ${state.value}`;
    },
    ...(limit === undefined ? {} : { limit }),
  });
  return { clock, state, live };
}

async function next(reader: { read(): Promise<{ value?: Uint8Array | undefined }> }): Promise<string> {
  const { value } = await reader.read();
  return new TextDecoder().decode(value);
}

test("a stream begins with the view and gets it again when it changed", async () => {
  const { clock, state, live } = setUp();
  const reader = live.subscribe("a")!.getReader();
  expect(await next(reader)).toBe("retry: 1000\n\n");
  expect(await next(reader)).toBe("data: a 1\n\n");
  clock.advance(1000);
  state.value = 2;
  clock.advance(1000);
  expect(await next(reader)).toBe("data: a 2\n\n");
  live.stop();
});

test("a view that several pages watch is made once per beat", () => {
  const { clock, state, live } = setUp();
  live.subscribe("a");
  live.subscribe("a");
  state.renders = 0;
  clock.advance(1000);
  expect(state.renders).toBe(1);
  live.stop();
});

test("a page that does not read misses views and holds at most three messages", async () => {
  const { clock, state, live } = setUp();
  const reader = live.subscribe("a")!.getReader();
  for (state.value = 2; state.value < 50; state.value++) clock.advance(1000);
  const seen = [await next(reader), await next(reader), await next(reader)];
  expect(seen).toEqual(["retry: 1000\n\n", "data: a 1\n\n", "data: a 2\n\n"]);
  clock.advance(1000);
  expect(await next(reader)).toBe("data: a 50\n\n");
  live.stop();
});

test("without news a comment keeps the stream alive", async () => {
  const { clock, live } = setUp();
  const reader = live.subscribe("a")!.getReader();
  await next(reader);
  await next(reader);
  clock.advance(10_000);
  expect(await next(reader)).toBe(": still here\n\n");
  live.stop();
});

test("streams are limited, and a closed one makes room and stops the clock", async () => {
  const { clock, live } = setUp(1);
  const stream = live.subscribe("a")!;
  expect(live.subscribe("b")).toBeNull();
  await stream.cancel();
  expect([live.open, clock.timers]).toEqual([0, 0]);
  expect(live.subscribe("b")).not.toBeNull();
  live.stop();
});
