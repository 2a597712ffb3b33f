import { expect, test } from "bun:test";
import { runTarget } from "./run-target.ts";
import { faulty } from "./testing/faulty.ts";

test("crashes and hangs are found, kept and got over", async () => {
  const kept: Array<readonly [string, number | undefined]> = [];
  const keep = (_: string, kind: string, input: Uint8Array): string => {
    kept.push([kind, input[0]]);
    return "a file";
  };
  // With this seed one of the first executions hangs, and there are crashes before it and after it.
  const result = await runTarget(faulty, { executions: 160, seconds: 20, seed: 1 }, { hang: 150, keep });
  expect(result.hangs).toBeGreaterThan(0);
  expect(result.crashes).toBeGreaterThan(0);
  expect(kept.filter(([kind]) => kind === "hang").map(([, first]) => first)).toEqual(Array(result.hangs).fill(2));
  expect(kept.filter(([kind]) => kind === "crash").map(([, first]) => first)).toEqual(Array(result.crashes).fill(1));
  expect(result.executions).toBe(160 - result.hangs);
  expect(result.notes[0]).toContain("kept as a file");
});
