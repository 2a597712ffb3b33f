import { describe, expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { EventWriter } from "./events.ts";

interface Written {
  readonly metadata: { readonly generateName: string; readonly namespace: string };
  readonly reason: string;
  readonly lastTimestamp: string;
}

function setup(
  create: (object: Written) => Promise<unknown>,
  patch: (name: string, body: unknown) => Promise<unknown> = () => Promise.resolve(),
): { writer: EventWriter; lines: string[]; clock: FakeClock } {
  const { log, lines } = memoryLog();
  const clock = new FakeClock(0);
  const client = {
    create: (_resource: unknown, object: object) => create(object as Written) as never,
    patch: (_resource: unknown, target: { name: string }, _type: string, body: unknown) =>
      patch(target.name, body) as never,
  };
  return { writer: new EventWriter(client, "linkerd-identity", { clock, log }), lines, clock };
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

  test("the same again is counted up in the first one, for ten minutes", async () => {
    const calls: unknown[] = [];
    const { writer, clock } = setup(
      () => {
        calls.push("create");
        return Promise.resolve({ metadata: { name: `a.${calls.length}` } });
      },
      (name, body) => {
        calls.push([name, body]);
        return Promise.resolve();
      },
    );
    for (const wait of [0, 1000, 1000, 10 * 60_000]) {
      clock.advance(wait);
      writer.write(event("Injected"));
      await Bun.sleep(0);
    }
    writer.write({ ...event("Injected"), message: "other" });
    await Bun.sleep(0);
    expect(calls).toEqual([
      "create",
      ["a.1", { count: 2, lastTimestamp: "1970-01-01T00:00:01Z" }],
      ["a.1", { count: 3, lastTimestamp: "1970-01-01T00:00:02Z" }],
      "create",
      "create",
    ]);
  });

  test("where the first one is gone, the next one is created anew", async () => {
    let created = 0;
    const { writer } = setup(
      () => Promise.resolve({ metadata: { name: `a.${++created}` } }),
      () => Promise.reject(new Error("gone")),
    );
    for (let index = 0; index < 3; index++) {
      writer.write(event("Injected"));
      await Bun.sleep(0);
    }
    expect(created).toBe(2);
  });

  test("what does not fit in the queue is dropped and counted", () => {
    const { writer } = setup(() => new Promise(() => {}));
    for (let index = 0; index < 150; index++) writer.write(event(`R${index}`));
    expect(writer.dropped).toBe(49);
  });

  test("of one reason there are 50 at once and then five a minute, of another one as many", async () => {
    let created = 0;
    const { writer, clock } = setup(() => Promise.resolve(created++));
    const flood = async (reason: string): Promise<void> => {
      for (let index = 0; index < 100; index++) writer.write({ ...event(reason), message: String(index) });
      await Bun.sleep(0);
      await Bun.sleep(0);
    };
    await flood("IssuedLeafCertificate");
    expect(created).toBe(50);
    clock.advance(60_000);
    await flood("IssuedLeafCertificate");
    expect(created).toBe(55);
    await flood("IssuerUpdated");
    expect(created).toBe(105);
  });
});
