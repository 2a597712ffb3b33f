import { expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import { memoryLog } from "#lib/log.ts";
import { FakeClock } from "#lib/testing/fake-clock.ts";
import type { Container, Pod, PodSpec, PodStatus } from "../types.ts";
import type { Exit } from "./container-process.ts";
import type { ContainerRun, PodRuntime } from "./pod-runtime.ts";
import { PodWorker } from "./pod-worker.ts";

interface FakeRun extends ContainerRun {
  readonly name: string;
  readonly signals: string[];
  end(code: number): void;
}

/** Programs end on SIGTERM unless they are named "deaf…". */
class FakeRuntime implements PodRuntime {
  readonly runs: FakeRun[] = [];
  readonly order: string[] = [];
  refuse: MeshError | null = null;
  healthy = true;
  torn = false;

  setUp = async () => ({ podIp: "10.244.0.9", hostIp: "10.244.0.1" });
  refresh = async () => Number.POSITIVE_INFINITY;
  hook = async () => null;
  probe = async () => (this.healthy ? null : "refused");
  tearDown = async () => {
    this.torn = true;
  };

  start = async (_pod: Pod, container: Container): Promise<ContainerRun> => {
    if (this.refuse !== null) throw this.refuse;
    const { promise, resolve } = Promise.withResolvers<Exit>();
    const run: FakeRun = {
      name: container.name,
      id: `run-${this.runs.length}`,
      exited: promise,
      signals: [],
      signal: (signal) => {
        run.signals.push(signal);
        this.order.push(`${signal} ${container.name}`);
        if (signal === "SIGKILL") run.end(137);
        else if (!container.name.startsWith("deaf")) run.end(0);
        return true;
      },
      terminationMessage: () => "",
      end: (code) => resolve({ code, signal: code === 137 ? 9 : 0 }),
    };
    this.runs.push(run);
    this.order.push(`start ${container.name}`);
    return run;
  };
}

async function setup(spec: PodSpec, prepare: (runtime: FakeRuntime) => void = () => {}) {
  const runtime = new FakeRuntime();
  prepare(runtime);
  const clock = new FakeClock();
  const statuses: PodStatus[] = [];
  const events: string[] = [];
  let gone = false;
  const metadata = { name: "web", namespace: "shop", uid: "u", resourceVersion: "1", creationTimestamp: "" };
  let pod: Pod = { apiVersion: "v1", kind: "Pod", metadata, spec };
  const worker = new PodWorker(pod, {
    runtime,
    clock,
    log: memoryLog().log,
    publish: async (status) => void statuses.push(status),
    event: (_type, reason) => events.push(reason),
    onGone: () => {
      gone = true;
    },
  });
  const settle = async (ms = 0): Promise<void> => {
    for (let i = 0; i < 60; i++) await Promise.resolve();
    if (ms > 0) {
      clock.advance(ms);
      await settle();
    }
  };
  worker.kick();
  await settle();
  return {
    runtime,
    clock,
    events,
    settle,
    worker,
    status: () => statuses.at(-1) ?? {},
    isGone: () => gone,
    remove: async (grace: number) => {
      pod = {
        ...pod,
        metadata: { ...metadata, deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: grace },
      };
      worker.update(pod);
      await settle();
    },
  };
}

const ready = (status: PodStatus): string | undefined =>
  status.conditions?.find(({ type }) => type === "Ready")?.status;

test("Init containers come first, then the sidecar, then the others, and the pod is ready", async () => {
  const { runtime, status, settle } = await setup({
    initContainers: [{ name: "net" }, { name: "proxy", restartPolicy: "Always" }],
    containers: [{ name: "web" }],
  });
  expect(runtime.order).toEqual(["start net"]);
  expect(status().phase).toBe("Pending");
  expect(status().containerStatuses?.[0]?.state.waiting?.reason).toBe("PodInitializing");
  runtime.runs[0]?.end(0);
  await settle();
  expect(runtime.order).toEqual(["start net", "start proxy", "start web"]);
  expect([status().phase, ready(status()), status().podIP]).toEqual(["Running", "True", "10.244.0.9"]);
});

test("A container that crashes is started again at once, then after 10 s, 20 s …", async () => {
  const { runtime, status, settle, events } = await setup({ containers: [{ name: "web" }] });
  runtime.runs[0]?.end(1);
  await settle();
  expect(runtime.runs).toHaveLength(2);
  runtime.runs[1]?.end(1);
  await settle(9_000);
  expect(runtime.runs).toHaveLength(2);
  expect(status().containerStatuses?.[0]).toMatchObject({
    restartCount: 1,
    ready: false,
    state: { waiting: { reason: "CrashLoopBackOff" } },
    lastState: { terminated: { exitCode: 1, reason: "Error" } },
  });
  expect(events).toContain("BackOff");
  await settle(1_500);
  expect(runtime.runs).toHaveLength(3);
  expect(status().containerStatuses?.[0]?.restartCount).toBe(2);
  runtime.runs[2]?.end(1);
  await settle(15_000);
  expect(runtime.runs).toHaveLength(3);
  await settle(6_000);
  expect(runtime.runs).toHaveLength(4);
});

test("A deleted pod's sidecars stop last, in reverse order, and then nothing is left of it", async () => {
  const { runtime, remove, isGone, clock } = await setup({
    initContainers: [
      { name: "a", restartPolicy: "Always" },
      { name: "b", restartPolicy: "Always" },
    ],
    containers: [{ name: "web" }],
  });
  await remove(30);
  expect(runtime.order.slice(3)).toEqual(["SIGTERM web", "SIGTERM b", "SIGTERM a"]);
  expect([runtime.torn, isGone(), clock.timers]).toEqual([true, true, 0]);
});

test("A program that ignores SIGTERM is killed at the end of the grace period", async () => {
  const { runtime, remove, settle, isGone } = await setup({ containers: [{ name: "deaf" }] });
  await remove(5);
  expect(runtime.runs[0]?.signals).toEqual(["SIGTERM"]);
  await settle(4_900);
  expect(isGone()).toBe(false);
  await settle(200);
  expect(runtime.runs[0]?.signals).toEqual(["SIGTERM", "SIGKILL"]);
  expect(isGone()).toBe(true);
});

test("A pod that is deleted by force is killed at once", async () => {
  const { runtime, worker, settle, isGone } = await setup({ containers: [{ name: "deaf" }] });
  worker.kill();
  await settle();
  expect(runtime.runs[0]?.signals).toContain("SIGKILL");
  expect([runtime.torn, isGone()]).toEqual([true, true]);
});

test("A finished job pod stops its sidecar and succeeds", async () => {
  const { runtime, status, settle } = await setup({
    restartPolicy: "Never",
    initContainers: [{ name: "proxy", restartPolicy: "Always" }],
    containers: [{ name: "job" }],
  });
  runtime.runs[1]?.end(0);
  await settle();
  expect(runtime.runs[0]?.signals).toEqual(["SIGTERM"]);
  expect(status().phase).toBe("Succeeded");
  expect(runtime.runs).toHaveLength(2);
});

test("An image that can't run is shown by its reason and tried again", async () => {
  const refusal = new MeshError("not-found", "no such image", { details: { reason: "ErrImagePull" } });
  const { runtime, status, settle } = await setup({ containers: [{ name: "web" }] }, (fake) => {
    fake.refuse = refusal;
  });
  expect(status().containerStatuses?.[0]?.state.waiting).toEqual({ reason: "ErrImagePull", message: "no such image" });
  runtime.refuse = null;
  await settle(10_100);
  expect(status().phase).toBe("Running");
});

test("Readiness follows the probe, and a failed liveness probe restarts the container", async () => {
  const { runtime, status, settle } = await setup({
    containers: [
      { name: "web", readinessProbe: { periodSeconds: 1 }, livenessProbe: { periodSeconds: 1, failureThreshold: 2 } },
    ],
  });
  await settle(100);
  expect(ready(status())).toBe("True");
  runtime.healthy = false;
  for (let i = 0; i < 3; i++) await settle(1_000);
  expect(runtime.runs[0]?.signals).toEqual(["SIGTERM"]);
  expect(runtime.runs).toHaveLength(2);
  expect(ready(status())).toBe("False");
});
