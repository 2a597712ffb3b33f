import { describe, expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import { memoryLog } from "#lib/log.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import { holdLease, type LeaseClient, type LeaseHandle } from "./lease.ts";
import type { KubeObject } from "./types/meta.ts";

/** One lease, kept in memory with the version check of a real server. */
class LeaseStore implements LeaseClient {
  away = false;
  private stored: KubeObject | null = null;
  private version = 1;

  private check(): void {
    if (this.away) throw new MeshError("unavailable", "The server is away");
  }
  async find<T>(): Promise<T | null> {
    this.check();
    return structuredClone(this.stored) as T | null;
  }
  async create<T>(_resource: unknown, object: object): Promise<T> {
    this.check();
    if (this.stored !== null) throw new MeshError("conflict", "It exists");
    return this.save(object as KubeObject) as T;
  }
  async patch<T>(_resource: unknown, _target: unknown, _type: unknown, body: unknown): Promise<T> {
    this.check();
    const { metadata, spec } = body as { metadata: KubeObject["metadata"]; spec: object };
    if (this.stored === null || metadata.resourceVersion !== String(this.version)) {
      throw new MeshError("conflict", "Another was first");
    }
    return this.save({ ...this.stored, spec } as KubeObject) as T;
  }
  private save(object: KubeObject): KubeObject {
    this.version++;
    this.stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.version) } };
    return this.stored;
  }
}

function contend(store: LeaseStore, holder: string, clock: FakeClock): LeaseHandle {
  return holdLease(store, { namespace: "linkerd", name: "write", holder, clock, log: memoryLog().log });
}

/** One interval passes and its requests finish. */
async function round(clock: FakeClock): Promise<void> {
  clock.advance(10_000);
  await Bun.sleep(0);
}

describe("holdLease", () => {
  test("the first holds it, the second takes over when it is handed over", async () => {
    const store = new LeaseStore();
    const [clockA, clockB] = [new FakeClock(), new FakeClock()];
    const first = contend(store, "a", clockA);
    await Bun.sleep(0);
    expect(first.leader.get()).toBe(true);
    const second = contend(store, "b", clockB);
    await round(clockB);
    expect(second.leader.get()).toBe(false);
    await first.stop();
    await round(clockB);
    expect(second.leader.get()).toBe(true);
    await second.stop();
    expect(clockA.timers + clockB.timers).toBe(0);
  });

  test("a holder that can't renew gives up before the other may take over", async () => {
    const store = new LeaseStore();
    const [clockA, clockB] = [new FakeClock(), new FakeClock()];
    const first = contend(store, "a", clockA);
    await Bun.sleep(0);
    const second = contend(store, "b", clockB);
    await Bun.sleep(0);
    const when: Record<string, number> = {};
    store.away = true;
    for (let passed = 10; passed <= 60; passed += 10) {
      await round(clockA);
      store.away = false;
      await round(clockB);
      store.away = true;
      if (!first.leader.get()) when["lost"] ??= passed;
      if (second.leader.get()) when["taken"] ??= passed;
    }
    expect(when).toEqual({ lost: 20, taken: 30 });
    await first.stop();
    await second.stop();
  });

  test("the holder that renews keeps it", async () => {
    const store = new LeaseStore();
    const [clockA, clockB] = [new FakeClock(), new FakeClock()];
    const first = contend(store, "a", clockA);
    await Bun.sleep(0);
    const second = contend(store, "b", clockB);
    for (let i = 0; i < 20; i++) {
      await round(clockA);
      await round(clockB);
    }
    expect([first.leader.get(), second.leader.get()]).toEqual([true, false]);
    await first.stop();
    await second.stop();
  });
});
