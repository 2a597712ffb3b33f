import { expect, test } from "bun:test";
import { command } from "./command.ts";

/** Well under the 30 s of the processes that are left behind. */
const soon = 10_000;

test("what a program prints comes back, and its input goes in", async () => {
  expect(await command(["cat"], { input: "said" })).toBe("said");
  await expect(command(["sh", "-c", "echo no >&2; exit 3"])).rejects.toThrow(
    '"sh -c echo no >&2; exit 3" ended with 3: no',
  );
});

test("a killed program's children that keep its output open are not waited for", async () => {
  const started = performance.now();
  await expect(command(["sh", "-c", "echo begun; sleep 30; true"], { limit: 1500 })).rejects.toThrow(
    "did not end within 1500 ms: begun",
  );
  expect(performance.now() - started).toBeLessThan(soon);
});

test("nor are those of a program that ended by itself", async () => {
  const started = performance.now();
  expect(await command(["sh", "-c", "sleep 30 & echo done"], { limit: 1500 })).toBe("done\n");
  expect(performance.now() - started).toBeLessThan(soon);
});
