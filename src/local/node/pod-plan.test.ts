import { expect, test } from "bun:test";
import { planPod, rolesOf, type ContainerView } from "./pod-plan.ts";

const fresh = { kind: "new" } as const;
const running = { kind: "running", started: true, hookDone: true } as const;
const starting = { kind: "running", started: false, hookDone: true } as const;
const exited = (code: number) => ({ kind: "exited", code }) as const;

function view(text: string, state: ContainerView["state"]): ContainerView {
  const [role, name = ""] = text.split(":");
  return { name, role: role as ContainerView["role"], state };
}

test("Init containers run one after the other, then the main ones", () => {
  const plan = (a: ContainerView["state"], b: ContainerView["state"]) =>
    planPod([view("init:a", a), view("init:b", b), view("main:web", fresh)], "Always", false);
  expect(plan(fresh, fresh)).toMatchObject({ start: ["a"], phase: "Pending", initialized: false });
  expect(plan(running, fresh).start).toEqual([]);
  expect(plan(exited(0), fresh).start).toEqual(["b"]);
  expect(plan(exited(0), exited(0))).toMatchObject({ start: ["web"], initialized: true });
});

test("A failed init container is run again, and ends the pod that never restarts", () => {
  const containers = [view("init:a", exited(1)), view("main:web", fresh)];
  expect(planPod(containers, "Always", false)).toMatchObject({ start: ["a"], phase: "Pending" });
  expect(planPod(containers, "Never", false)).toMatchObject({ start: [], phase: "Failed" });
});

test("A sidecar has to be started before what follows it, and then stays", () => {
  const plan = (proxy: ContainerView["state"], was = false) =>
    planPod(
      [view("init:net", exited(0)), view("sidecar:proxy", proxy), view("init:db", fresh), view("main:web", fresh)],
      "Always",
      was,
    );
  expect(plan(fresh).start).toEqual(["proxy"]);
  expect(plan(starting).start).toEqual([]);
  expect(plan(running).start).toEqual(["db"]);
  expect(planPod([view("sidecar:proxy", exited(1)), view("main:web", running)], "Always", true)).toMatchObject({
    start: ["proxy"],
    phase: "Running",
    initialized: true,
  });
});

test("A pod is over when its main containers are, whatever its sidecars do", () => {
  const plan = (code: number, policy: string) =>
    planPod([view("sidecar:proxy", running), view("main:job", exited(code))], policy, true);
  expect(plan(0, "Never")).toMatchObject({ phase: "Succeeded", stopSidecars: true });
  expect(plan(1, "Never")).toMatchObject({ phase: "Failed", stopSidecars: true });
  expect(plan(0, "OnFailure")).toMatchObject({ phase: "Succeeded" });
  expect(plan(1, "OnFailure")).toMatchObject({ start: ["job"], phase: "Running" });
  expect(plan(0, "Always")).toMatchObject({ start: ["job"], phase: "Running" });
});

test("Main containers start in order, held back by a postStart hook", () => {
  const hooked = { kind: "running", started: true, hookDone: false } as const;
  expect(planPod([view("main:a", hooked), view("main:b", fresh)], "Always", true).start).toEqual([]);
  expect(planPod([view("main:a", running), view("main:b", fresh)], "Always", true).start).toEqual(["b"]);
});

test("An init container that always restarts is a sidecar", () => {
  const spec = { initContainers: [{ name: "a" }, { name: "b", restartPolicy: "Always" }], containers: [{ name: "c" }] };
  expect(rolesOf(spec).map(({ role }) => role)).toEqual(["init", "sidecar", "main"]);
});
