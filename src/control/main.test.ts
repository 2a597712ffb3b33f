import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeApi } from "#kube/testing/fake-api.ts";

const cleanups: Array<() => unknown> = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

/** Runs `linkerd controller` as a process; `line` waits for a log line that matches. */
function run(...args: string[]) {
  const directory = mkdtempSync(join(tmpdir(), "controller-"));
  const script = join(directory, "run.ts");
  writeFileSync(
    script,
    `import { main } from ${JSON.stringify(join(import.meta.dir, "main.ts"))};\nprocess.exit(await main(process.argv.slice(2)));\n`,
  );
  const child = Bun.spawn([process.execPath, script, ...args], { stdout: "pipe", stderr: "pipe", env: {} });
  cleanups.push(() => {
    child.kill("SIGKILL");
    rmSync(directory, { recursive: true });
  });
  const reader = child.stderr.getReader();
  let output = "";
  const line = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = pattern.exec(output);
      if (found !== null) return found;
      const { value, done } = await reader.read();
      if (done) throw new Error(`ended without ${pattern.source}: ${output}`);
      output += Buffer.from(value).toString();
    }
  };
  return { child, line };
}

function kubeconfig(server: string): string {
  const directory = mkdtempSync(join(tmpdir(), "controller-"));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "config");
  const cluster = { name: "test", cluster: { server } };
  const context = { name: "test", context: { cluster: "test" } };
  writeFileSync(path, JSON.stringify({ "current-context": "test", clusters: [cluster], contexts: [context] }));
  return path;
}

describe("linkerd controller", () => {
  test("serves, tells that it is ready, and ends in order on SIGTERM", async () => {
    const api = new FakeApi();
    cleanups.push(() => api.stop());
    const config = kubeconfig(api.url);
    const { child, line } = run("destination", `--kubeconfig=${config}`, "--addr=:0", "--metrics-addr=127.0.0.1:0");
    const [, admin = ""] = await line(/Serving port=\d+ admin=(\d+)/);
    expect(await (await fetch(`http://127.0.0.1:${admin}/ready`)).text()).toBe("ready\n");
    expect(await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text()).toContain("process_start_time_seconds");
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    await line(/Got SIGTERM, draining[\s\S]*Stopped/);
  });

  test("can be stopped while the API server is away", async () => {
    const config = kubeconfig("http://127.0.0.1:9");
    const args = ["--admission-controller-disabled", "--grpc-addr=:0", "--admin-addr=127.0.0.1:0"];
    const { child, line } = run("policy", `--kubeconfig=${config}`, ...args);
    await line(/refused the connection/);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });
});
