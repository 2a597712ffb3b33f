/**
 * What must not bring a proxy down: thousands of idle connections, readers that stop reading, garbage, a ClientHello in
 * pieces. A pair of proxy processes between two namespaces, as the bench makes it; each test prints its figure.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterKind } from "../harness/cluster.ts";
import { helloBytes } from "./limits-hello.ts";
import { paths, startApp } from "../../bench/macro/app.ts";
import { linkerd } from "../../bench/macro/linkerd.ts";
import type { Contender, Hop } from "../../bench/macro/peers.ts";
import { createPki } from "../../bench/macro/pki.ts";
import { portsOf } from "../../bench/macro/ports.ts";
import { anonymousKib, killAll, run, start, type Started } from "../../bench/macro/process.ts";
import {
  appPort,
  client,
  createWorld,
  destroyWorld,
  echoPort,
  proxyUid,
  redirect,
  server,
} from "../../bench/macro/world.ts";

const tools = ["ip", "nft", "nginx", "wrk", "setpriv", "curl"].filter((tool) => Bun.which(tool) === null);
const reason =
  clusterKind !== "local"
    ? "needs no cluster, so it runs with the local ones"
    : process.getuid?.() !== 0
      ? "needs root"
      : tools.length > 0
        ? `needs ${tools.join(", ")}`
        : null;
const ports = portsOf(0);
const bench = join(import.meta.dir, "../../bench/macro");

describe.skipIf(reason !== null)(`limits of a proxy process${reason === null ? "" : ` (${reason})`}`, () => {
  let folder = "";
  let proxies: Contender;
  let hop: Hop;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "linkerd-limits-"));
    chownSync(folder, proxyUid, proxyUid);
    chmodSync(folder, 0o755);
    await createWorld();
    await startApp(folder);
    proxies = linkerd(folder, createPki(folder));
    await redirect(ports.outbound);
    await ready(start("echo", [process.execPath, join(bench, "idle-peers.ts"), "echo", String(echoPort)], server));
  }, 30_000);

  // A pair of its own for each test: memory that an earlier one gave back must not hide what a later one takes.
  beforeEach(async () => {
    hop = await proxies.start("pair", ports);
  });
  afterEach(async () => {
    await hop.stop();
  });

  afterAll(async () => {
    killAll();
    await destroyWorld();
    rmSync(folder, { recursive: true, force: true });
  });

  const memory = (): number => Math.max(anonymousKib(hop.out.pid), anonymousKib(hop.in?.pid ?? 0)) / 1024;

  /** A whole request through both proxies still works, so neither crashed nor hangs. */
  async function serves(): Promise<void> {
    const url = `http://${server.ip}:${appPort}${paths.small}`;
    expect(await run(["curl", "-sS", "-m", "5", url], client.namespace)).toHaveLength(32);
    expect(process.kill(hop.out.pid, 0) && process.kill(hop.in?.pid ?? 0, 0)).toBe(true);
  }

  test("9,000 idle connections stand, and another one is served", async () => {
    const before = memory();
    const holders = await ready(client_("hold", 9000));
    const each = ((memory() - before) * 1024) / 9000;
    console.log(`9,000 idle mTLS connection pairs: ${each.toFixed(1)} KiB each, ${memory().toFixed(0)} MiB in all`);
    expect(each).toBeLessThan(40);
    await serves();
    await holders.stop();
  });

  test("1,000 readers that stop reading cost a bounded amount of memory", async () => {
    const before = memory();
    const readers = await ready(client_("stall", 1000));
    await Bun.sleep(2000);
    const each = ((memory() - before) * 1024) / 1000;
    console.log(`1,000 stopped readers of 100 KB: ${each.toFixed(0)} KiB each, ${memory().toFixed(0)} MiB in all`);
    expect(each).toBeLessThan(600);
    await serves();
    await readers.stop();
  });

  test("garbage at every port, and a ClientHello split at every byte, do no harm", async () => {
    const before = memory();
    const hello = await helloBytes("server.bench.serviceaccount.identity.linkerd.cluster.local");
    const argv = [process.execPath, join(import.meta.dir, "limits-garbage.ts"), hello.toString("hex")];
    const inside = [
      `127.0.0.1:${ports.admin}`,
      `127.0.0.1:${ports.inbound}`,
      `127.0.0.1:${ports.outbound}`,
      `127.0.0.1:${appPort}`,
    ];
    for (const { namespace } of [client, server]) console.log((await run([...argv, ...inside], namespace)).trim());
    console.log(
      (await run([...argv, `${server.ip}:${ports.inbound}`, `${server.ip}:${appPort}`], client.namespace)).trim(),
    );
    console.log(`memory grew by ${(memory() - before).toFixed(0)} MiB`);
    expect(memory() - before).toBeLessThan(64);
    await serves();
  });

  function client_(role: "hold" | "stall", count: number): Started {
    const port = role === "hold" ? echoPort : appPort;
    const argv = [process.execPath, join(bench, "idle-peers.ts"), role, server.ip, String(port), String(count)];
    return start(`${count} × ${role}`, argv, client);
  }

  async function ready(program: Started): Promise<Started> {
    for (const end = performance.now() + 150_000; performance.now() < end && !program.output().includes("failed");) {
      if (program.output().includes("ready")) return program;
      await Bun.sleep(50);
    }
    throw new Error(`${program.name} did not come up:\n${program.output()}\n${hop.out.output().slice(-2000)}`);
  }
});
