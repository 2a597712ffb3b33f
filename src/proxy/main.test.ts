/** The proxy as a process: exit codes, messages, signals. */
import { afterEach, describe, expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { FakeControlPlane } from "./testing/fake-control-plane.ts";

const entry = new URL("../cli/main.ts", import.meta.url).pathname;
const control = new FakeControlPlane(memoryLog().log);
const children: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  control.stop();
});

function run(env: Record<string, string>) {
  const settings = Object.fromEntries(Object.entries(env).map(([key, value]) => [`LINKERD2_PROXY_${key}`, value]));
  const child = Bun.spawn([process.execPath, entry, "proxy"], { env: settings, stdout: "pipe", stderr: "pipe" });
  children.push(child);
  return child;
}

const ports = {
  INBOUND_LISTEN_ADDR: "127.0.0.1:0",
  OUTBOUND_LISTEN_ADDR: "127.0.0.1:0",
  ADMIN_LISTEN_ADDR: "127.0.0.1:0",
};

/** Reads standard error until a line has the text. */
async function waitFor(stream: ReadableStream<Uint8Array>, text: string): Promise<string> {
  const reader = stream.getReader();
  let seen = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The process ended without "${text}":\n${seen}`);
    seen += Buffer.from(value).toString();
    if (seen.includes(text)) {
      reader.releaseLock();
      return seen;
    }
  }
}

describe("linkerd proxy", () => {
  test("names every bad setting and exits with 64", async () => {
    const child = run({ OUTBOUND_CONNECT_TIMEOUT: "soon", INBOUND_LISTEN_ADDR: "here", ACCESS_LOG: "common" });
    expect(await child.exited).toBe(64);
    const message = await new Response(child.stderr).text();
    expect(message).toContain('LINKERD2_PROXY_OUTBOUND_CONNECT_TIMEOUT="soon" is not a duration');
    expect(message).toContain('LINKERD2_PROXY_INBOUND_LISTEN_ADDR="here" is not an address');
    expect(message).toContain('LINKERD2_PROXY_ACCESS_LOG="common" is not one of apache, json');
    expect(message).toContain("LINKERD2_PROXY_DESTINATION_SVC_ADDR is not set");
    expect(message).not.toContain("    at ");
  });

  test("says which port is taken and exits with 1", async () => {
    control.start();
    const taken = control.addr.port;
    const child = run({ ...ports, ADMIN_LISTEN_ADDR: `127.0.0.1:${taken}`, DESTINATION_SVC_ADDR: "localhost.:1" });
    expect(await child.exited).toBe(1);
    expect(await new Response(child.stderr).text()).toContain(`127.0.0.1:${taken}`);
  });

  test("starts, mentions unknown settings once, answers on its admin port, and exits with 0 after SIGTERM", async () => {
    control.start();
    const child = run({ ...ports, DESTINATION_SVC_ADDR: `localhost.:${control.addr.port}`, NO_SUCH_THING: "1" });
    const log = await waitFor(child.stderr, "Proxy started");
    expect(log).toContain("LINKERD2_PROXY_NO_SUCH_THING");
    const admin = /admin=(\d+)/.exec(log)?.[1];
    expect((await fetch(`http://127.0.0.1:${admin}/ready`)).status).toBe(200);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });

  test("cuts what is still under way at the end of the grace period, and says so", async () => {
    control.start();
    const settings = {
      ...ports,
      ADMIN_LISTEN_ADDR: "127.0.0.1:0",
      DESTINATION_SVC_ADDR: `localhost.:${control.addr.port}`,
      SHUTDOWN_GRACE_PERIOD: "200ms",
    };
    const child = run(settings);
    const inbound = /inbound=(\d+)/.exec(await waitFor(child.stderr, "Proxy started"))?.[1];
    // Nobody redirects: a connection to the port itself waits for the mesh's TLS, and is under way for as long.
    const client = await Bun.connect({ hostname: "127.0.0.1", port: Number(inbound), socket: { data() {} } });
    await Bun.sleep(20);
    const before = performance.now();
    child.kill("SIGTERM");
    await waitFor(child.stderr, "Drain took too long, connections are cut");
    expect(await child.exited).toBe(0);
    const took = performance.now() - before;
    expect(took).toBeGreaterThan(150);
    expect(took).toBeLessThan(5_000);
    client.terminate();
  });
});
