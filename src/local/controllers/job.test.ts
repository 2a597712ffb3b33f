import { expect, test } from "bun:test";
import { planJob } from "./job.ts";

const base = {
  parallelism: 2,
  completions: 3,
  backoffLimit: 2,
  active: 0,
  succeeded: 0,
  failed: 0,
  restarts: 0,
  overdue: false,
  suspended: false,
};

test("As many pods run as parallelism and open completions allow", () => {
  expect(planJob(base)).toEqual({ create: 2, remove: 0, outcome: "running" });
  expect(planJob({ ...base, succeeded: 2 })).toMatchObject({ create: 1 });
  expect(planJob({ ...base, succeeded: 2, active: 1 })).toMatchObject({ create: 0, outcome: "running" });
});

test("A Job is complete with its completions, and without a number with any success when all pods ended", () => {
  expect(planJob({ ...base, succeeded: 3 })).toMatchObject({ outcome: "complete" });
  expect(planJob({ ...base, completions: null, succeeded: 1, active: 1 })).toMatchObject({
    create: 0,
    outcome: "running",
  });
  expect(planJob({ ...base, completions: null, succeeded: 1 })).toMatchObject({ outcome: "complete" });
});

test("More failures than the limit end the Job; restarts of containers count", () => {
  expect(planJob({ ...base, failed: 2 })).toMatchObject({ outcome: "running", create: 2 });
  expect(planJob({ ...base, failed: 3 })).toMatchObject({ outcome: "backoff-limit" });
  expect(planJob({ ...base, failed: 1, restarts: 2, active: 1 })).toEqual({
    create: 0,
    remove: 1,
    outcome: "backoff-limit",
  });
});

test("A deadline ends a Job, a suspension only its pods", () => {
  expect(planJob({ ...base, active: 2, overdue: true })).toEqual({ create: 0, remove: 2, outcome: "deadline" });
  expect(planJob({ ...base, active: 2, suspended: true })).toEqual({ create: 0, remove: 2, outcome: "running" });
});
