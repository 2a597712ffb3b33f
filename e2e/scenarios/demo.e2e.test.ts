/** `npm run demo` as a user runs it: up within its time, Ctrl-C cleans, a crash leaves nothing the next start doesn't clean. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterKind, eventually, repository, run } from "../harness/cluster.ts";

/** What a run could leave behind on this machine. */
async function traces(): Promise<Record<string, string[]>> {
  const lines = async (argv: readonly string[]): Promise<string[]> =>
    (await run(argv)).out.split("\n").filter((line) => line !== "");
  return {
    processes: (await lines(["ps", "-eo", "args"])).filter((line) => / local _node|linkerd-local/.test(line)),
    namespaces: await lines(["ip", "netns", "list"]),
    links: (await lines(["ip", "-o", "link"])).map((line) => line.split(":")[1]?.trim() ?? ""),
    mounts: (await lines(["cat", "/proc/self/mountinfo"])).map((line) => line.split(" ").slice(4, 5).join()),
    rules: process.getuid?.() === 0 && Bun.which("nft") !== null ? await lines(["nft", "list", "ruleset"]) : [],
  };
}

interface Demo {
  readonly child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly seconds: number;
  readonly text: () => string;
}

/** The traces once they are as before, or what is left after 5 s: the kernel takes namespaces and their links apart in its own time. */
async function tracesAfter(before: Record<string, string[]>): Promise<Record<string, string[]>> {
  const same = async (): Promise<true | null> => (Bun.deepEquals(await traces(), before) ? true : null);
  await eventually("a clean machine", 5000, same).catch(() => null);
  return traces();
}

/** Starts the demo and waits until it says what to try. */
async function startDemo(state: string): Promise<Demo> {
  const start = performance.now();
  const child = Bun.spawn(["npm", "run", "--silent", "demo"], {
    cwd: repository,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, XDG_STATE_HOME: state, NO_COLOR: "1" },
  });
  let text = "";
  const collect = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    for await (const chunk of stream) text += Buffer.from(chunk).toString();
  };
  void collect(child.stdout);
  void collect(child.stderr);
  while (!text.includes("In a second terminal")) {
    if (child.exitCode !== null || performance.now() - start > 60_000)
      throw new Error(`the demo did not come up:\n${text}`);
    await Bun.sleep(50);
  }
  return { child, seconds: (performance.now() - start) / 1000, text: () => text };
}

/** The demo's own process below npm. */
async function demoPid(demo: Demo): Promise<number> {
  const { out } = await run(["ps", "-eo", "pid,ppid,args"]);
  const rows = out.split("\n").map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line));
  const below = new Set([demo.child.pid]);
  let found = 0;
  for (let changed = true; changed;) {
    changed = false;
    for (const row of rows) {
      if (row === null || below.has(Number(row[1])) || !below.has(Number(row[2]))) continue;
      below.add(Number(row[1]));
      changed = true;
      if ((row[3] ?? "").includes("scripts/demo.ts") && (row[3] ?? "").includes("bin/bun")) found = Number(row[1]);
    }
  }
  if (found === 0) throw new Error("the demo's process was not found");
  return found;
}

// It brings its own cluster, so one run with the local ones is enough.
describe.skipIf(clusterKind !== "local")("npm run demo", () => {
  test("is up within 20 s, twice, and Ctrl-C leaves nothing behind", async () => {
    const before = await traces();
    const state = mkdtempSync(join(tmpdir(), "linkerd-demo-"));
    for (let round = 0; round < 2; round++) {
      const demo = await startDemo(state);
      console.log(`the demo was up after ${demo.seconds.toFixed(1)} s`);
      expect(demo.seconds).toBeLessThan(20);
      expect(demo.text()).toMatch(/Votes succeed at \d+\.\d\d%/);
      process.kill(await demoPid(demo), "SIGINT");
      expect(await demo.child.exited).toBe(0);
      expect(await tracesAfter(before)).toEqual(before);
    }
    rmSync(state, { recursive: true, force: true });
  });

  test("a killed demo takes its cluster with it, and the next one starts", async () => {
    const before = await traces();
    const state = mkdtempSync(join(tmpdir(), "linkerd-demo-"));
    const first = await startDemo(state);
    process.kill(await demoPid(first), "SIGKILL");
    await first.child.exited;
    expect(await tracesAfter(before)).toEqual(before);
    const second = await startDemo(state);
    process.kill(await demoPid(second), "SIGINT");
    expect(await second.child.exited).toBe(0);
    expect(await tracesAfter(before)).toEqual(before);
    rmSync(state, { recursive: true, force: true });
  });
});
