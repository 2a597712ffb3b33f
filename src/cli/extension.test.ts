import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "linkerd-ext-"));
beforeAll(() => {
  writeFileSync(join(folder, "linkerd-hello"), '#!/bin/sh\necho "hello $*"\nexit 7\n', { mode: 0o755 });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The executable itself: an extension writes to the process's own output. */
async function linkerd(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "main.ts"), ...words], {
    env: { ...process.env, PATH: `${folder}:${process.env["PATH"]}` },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

test("an unknown first word runs linkerd-<word> with everything behind it, and ends as it ends", async () => {
  expect(await linkerd("hello", "-n", "app", "--flag=1")).toEqual({ code: 7, out: "hello -n app --flag=1\n", err: "" });
});

test("with flags before it, or without such an executable, the word is an unknown command", async () => {
  const early = await linkerd("--verbose", "hello");
  expect(early.code).toBe(1);
  expect(early.err).toContain("Unknown command 'hello'");
  expect((await linkerd("nothing")).err).toContain("Unknown command 'nothing'");
});
