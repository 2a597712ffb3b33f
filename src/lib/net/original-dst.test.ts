import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { originalDst } from "./original-dst.ts";
import { memoryPair } from "./testing/memory-socket.ts";
import { plainPair } from "./testing/pairs.ts";

test("a connection that was not redirected has none, or its own", async () => {
  const { client, server } = await plainPair();
  const found = originalDst(server);
  // With connection tracking on, the kernel answers the plain destination.
  if (found !== null) expect(found).toEqual(server.local);
  client.terminate();
  expect(originalDst(memoryPair().server)).toBeNull();
});

const name = `origdst${process.pid}`;
const inside = (input: string, ...command: string[]) =>
  spawnSync("ip", ["netns", "exec", name, ...command], { input, encoding: "utf8" });

const rules = `table inet t {
  chain o {
    type nat hook output priority -100
    tcp dport 9000-9999 redirect to :4140
  }
}
`;

const possible =
  process.getuid?.() === 0 &&
  spawnSync("ip", ["netns", "list"]).status === 0 &&
  spawnSync("nft", ["--version"]).status === 0;

describe.skipIf(!possible)("under a redirect of netfilter", () => {
  beforeAll(() => {
    expect(spawnSync("ip", ["netns", "add", name]).status).toBe(0);
    for (const args of ["link set lo up", "addr add 198.18.9.1/32 dev lo", "addr add fd99::9/128 dev lo"]) {
      expect(inside("", "ip", ...args.split(" ")).stderr).toBe("");
    }
    expect(inside(rules, "nft", "-f", "-").stderr).toBe("");
  });
  afterAll(() => {
    spawnSync("ip", ["netns", "del", name]);
  });

  const probe = (listenIp: string, ...targets: string[]): unknown[] => {
    const script = join(import.meta.dir, "testing/original-dst-probe.ts");
    const result = inside("", process.execPath, script, listenIp, ...targets);
    expect(result.stderr).toBe("");
    return result.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
  };

  test("the destination is found for IPv4 and IPv6 on a dual-stack listener", () => {
    expect(probe("::", "198.18.9.1", "9001", "fd99::9", "9002", "198.18.9.1", "9003")).toEqual([
      { original: { ip: "198.18.9.1", port: 9001 }, remote: "198.18.9.1" },
      { original: { ip: "fd99::9", port: 9002 }, remote: "fd99::9" },
      { original: { ip: "198.18.9.1", port: 9003 }, remote: "198.18.9.1" },
    ]);
  });

  test("the destination is found on an IPv4 listener", () => {
    expect(probe("127.0.0.1", "198.18.9.1", "9001")).toEqual([
      { original: { ip: "198.18.9.1", port: 9001 }, remote: "198.18.9.1" },
    ]);
  });

  test("a direct connection gives the listener's own address", () => {
    expect(probe("127.0.0.1", "127.0.0.1", "4140")).toEqual([
      { original: { ip: "127.0.0.1", port: 4140 }, remote: "127.0.0.1" },
    ]);
  });
});
