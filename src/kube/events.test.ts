import { describe, expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { EventWriter } from "./events.ts";

interface Written {
  readonly metadata: { readonly generateName: string; readonly namespace: string };
  readonly reason: string;
  readonly lastTimestamp: string;
}

function setup(create: (object: Written) => Promise<unknown>): { writer: EventWriter; lines: string[] } {
  const { log, lines } = memoryLog();
  const client = { create: (_resource: unknown, object: object) => create(object as Written) as never };
  return { writer: new EventWriter(client, "linkerd-identity", { clock: new FakeClock(0), log }), lines };
}
const event = (reason: string) =>
  ({ object: { kind: "Pod", name: "a", namespace: "web" }, type: "Normal", reason, message: "m" }) as const;

describe("EventWriter", () => {
  test("writes in order, one at a time, in the object's namespace", async () => {
    const written: Written[] = [];
    let running = 0;
    const { writer } = setup(async (object) => {
      expect(++running).toBe(1);
      await Promise.resolve();
      running--;
      written.push(object);
    });
    for (const reason of ["A", "B", "C"]) writer.write(event(reason));
    await Bun.sleep(0);
    expect(written.map(({ reason }) => reason)).toEqual(["A", "B", "C"]);
    expect(written[0]).toMatchObject({
      metadata: { generateName: "a.", namespace: "web" },
      lastTimestamp: "1970-01-01T00:00:00Z",
    });
  });

  test("a failure is logged and the next one is written", async () => {
    let calls = 0;
    const { writer, lines } = setup(() => (++calls === 1 ? Promise.reject(new Error("no")) : Promise.resolve()));
    writer.write(event("A"));
    writer.write(event("B"));
    await Bun.sleep(0);
    expect(calls).toBe(2);
    expect(lines.length).toBe(1);
  });

  test("what does not fit in the queue is dropped and counted", () => {
    const { writer } = setup(() => new Promise(() => {}));
    for (let i = 0; i < 150; i++) writer.write(event("A"));
    expect(writer.dropped).toBe(49);
  });
});
