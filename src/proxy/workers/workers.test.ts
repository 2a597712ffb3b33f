/** A proxy of several processes, as a process. */
import { afterEach, describe, expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { freePort } from "#lib/testing/free-port.ts";
import { FakeControlPlane } from "../testing/fake-control-plane.ts";

const entry = new URL("../../cli/main.ts", import.meta.url).pathname;
const control = new FakeControlPlane(memoryLog().log);
const children: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  control.stop();
});

async function until(what: () => Promise<boolean>, message: string): Promise<void> {
  for (let wait = 0; wait < 300; wait++) {
    if (await what()) return;
    await Bun.sleep(20);
  }
  throw new Error(message);
}

function siblingsOf(pid: number): number[] {
  const { stdout } = Bun.spawnSync(["cat", `/proc/${pid}/task/${pid}/children`]);
  return stdout
    .toString()
    .split(" ")
    .filter((word) => word.trim() !== "")
    .map(Number);
}

async function start(cores: string) {
  control.start();
  const [inbound, outbound, admin] = [freePort(), freePort(), freePort()];
  const settings = {
    INBOUND_LISTEN_ADDR: `127.0.0.1:${inbound}`,
    OUTBOUND_LISTEN_ADDR: `127.0.0.1:${outbound}`,
    ADMIN_LISTEN_ADDR: `127.0.0.1:${admin}`,
    DESTINATION_SVC_ADDR: `localhost.:${control.addr.port}`,
    SHUTDOWN_GRACE_PERIOD: "5s",
    CORES_MIN: cores,
  };
  const env = Object.fromEntries(Object.entries(settings).map(([key, value]) => [`LINKERD2_PROXY_${key}`, value]));
  const child = Bun.spawn([process.execPath, entry, "proxy"], { env, stdout: "pipe", stderr: "pipe" });
  children.push(child);
  const get = async (path: string, init: RequestInit = {}): Promise<{ status: number; text: string }> => {
    const response = await fetch(`http://127.0.0.1:${admin}${path}`, init).catch(() => null);
    return { status: response?.status ?? 0, text: (await response?.text()) ?? "" };
  };
  await until(async () => (await get("/ready")).status === 200, "not ready");
  return { child, get, outbound, admin };
}

const sum = (metrics: string, name: string): number =>
  metrics
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);

describe("a proxy on two cores", () => {
  test("is two processes on the same ports, whose metrics, readiness, log level and end are one", async () => {
    const { child, get, outbound } = await start("2");
    const siblings = siblingsOf(child.pid);
    expect(siblings).toHaveLength(1);
    // Nobody redirects these, so that each is refused and counted, by whoever got it.
    const dial = async (): Promise<void> => {
      await fetch(`http://127.0.0.1:${outbound}/`).catch(() => null);
    };
    for (let count = 0; count < 40; count++) await dial();
    const { text } = await get("/metrics");
    expect(sum(text, "proxy_refused_connections_total")).toBe(40);
    expect(text.split("\n").filter((line) => line.startsWith("proxy_build_info{"))).toEqual([
      expect.stringMatching(/ 1$/),
    ]);
    expect((await get("/proxy-log-level", { method: "PUT", body: "debug" })).status).toBe(204);

    // Killed, it is missed, and comes back.
    process.kill(siblings[0] ?? 0, "SIGKILL");
    await until(async () => (await get("/ready")).status === 503, "not missed");
    expect((await get("/metrics")).status).toBe(503);
    await until(async () => (await get("/ready")).status === 200, "not back");
    expect(siblingsOf(child.pid)).toHaveLength(1);

    const [again] = siblingsOf(child.pid);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    await until(() => Promise.resolve(siblingsOf(again ?? 0).length === 0 && !alive(again ?? 0)), "left behind");
  }, 20_000);

  test("ends as a whole when its first process is killed", async () => {
    const { child } = await start("2");
    const [sibling] = siblingsOf(child.pid);
    child.kill("SIGKILL");
    await child.exited;
    await until(() => Promise.resolve(!alive(sibling ?? 0)), "left behind");
  }, 20_000);
});

test("A proxy on one core is one process", async () => {
  const { child } = await start("1");
  expect(siblingsOf(child.pid)).toEqual([]);
});

function alive(pid: number): boolean {
  const { stdout } = Bun.spawnSync(["cat", `/proc/${pid}/stat`], { stderr: "ignore" });
  return stdout.length > 0 && !/\) [ZX] /.test(stdout.toString());
}
