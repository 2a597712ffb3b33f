import { expect, test } from "bun:test";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import type { Probe } from "../types.ts";
import { ContainerProbes } from "./probe-schedule.ts";

/** Probes with scripted results; missing ones fail. */
function setup(probes: { startup?: Probe; liveness?: Probe; readiness?: Probe }) {
  const clock = new FakeClock();
  const changes: string[] = [];
  const failures: string[] = [];
  const runs: string[] = [];
  const healthy = new Set<string>();
  const all = new ContainerProbes(probes, {
    clock,
    run: async (kind) => {
      runs.push(`${kind}@${clock.now()}`);
      return healthy.has(kind) ? null : "refused";
    },
    events: {
      onChange: (kind, success) => changes.push(`${kind} ${success}`),
      onFailure: (kind, reason) => failures.push(`${kind} ${reason}`),
    },
  });
  const pass = async (ms: number): Promise<void> => {
    for (let t = 0; t < ms; t += 100) {
      clock.advance(100);
      for (let i = 0; i < 4; i++) await Promise.resolve();
    }
  };
  return { all, clock, changes, failures, runs, healthy, pass };
}

test("Readiness changes after its thresholds in both directions", async () => {
  const { changes, failures, healthy, pass } = setup({ readiness: { periodSeconds: 1, failureThreshold: 2 } });
  healthy.add("readiness");
  await pass(200);
  expect(changes).toEqual(["readiness true"]);
  healthy.clear();
  await pass(1000);
  expect(changes).toHaveLength(1);
  await pass(1000);
  expect(changes).toEqual(["readiness true", "readiness false"]);
  expect(failures).toEqual(["readiness refused", "readiness refused"]);
});

test("Other probes wait for the startup probe", async () => {
  const { changes, healthy, runs, pass } = setup({ startup: { periodSeconds: 1 }, liveness: { periodSeconds: 1 } });
  healthy.add("liveness");
  await pass(900);
  expect(runs.some((run) => run.startsWith("liveness"))).toBe(false);
  healthy.add("startup");
  await pass(3000);
  expect(changes).toEqual(["startup true", "liveness true"]);
  expect(runs.filter((run) => run.startsWith("startup")).length).toBeLessThan(8);
});

test("A first try that fails is repeated soon and does not count", async () => {
  const { runs, failures, healthy, changes, pass } = setup({ readiness: { periodSeconds: 10 } });
  await pass(200);
  healthy.add("readiness");
  await pass(400);
  expect(failures).toEqual([]);
  expect(changes).toEqual(["readiness true"]);
  expect(runs.length).toBeLessThan(5);
});

test("A liveness probe starts after its delay and fails after three misses", async () => {
  const { changes, runs, pass, all, clock } = setup({ liveness: { initialDelaySeconds: 5, periodSeconds: 1 } });
  await pass(4900);
  expect(runs).toEqual([]);
  await pass(2500);
  expect(changes).toEqual(["liveness false"]);
  all.stop();
  expect(clock.timers).toBe(0);
});
