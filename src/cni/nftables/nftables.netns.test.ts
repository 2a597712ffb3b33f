/** Our rules in a real network namespace, beside what nft makes of their text, and with real connections. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { inNetworkNamespace } from "#lib/net/network-namespace.ts";
import { sh, TestNamespace } from "#lib/testing/test-namespace.ts";
import { parsePorts, redirectTable, type RedirectSettings, tableName } from "../rules.ts";
import { existingTables, installTable, removeTable } from "./apply.ts";
import { tableText } from "./text.ts";

const name = `cni-rules-${process.pid}`;
const path = `/run/netns/${name}`;
const root = process.getuid?.() === 0;

let pod: TestNamespace;
const ruleset = (): string => pod.run("nft", "list", "ruleset");

const settings: RedirectSettings = {
  inboundPort: 4143,
  outboundPort: 4140,
  proxyUid: 2102,
  proxyGid: 2103,
  proxyMark: 0x539,
  inboundSkipPorts: parsePorts("4190,4191,9000", "x"),
  outboundSkipPorts: parsePorts("25,5000-5010", "x"),
  inboundOnlyPorts: [],
  skipSubnets: ["10.0.0.0/8", "192.168.4.0/22", "172.16.1.1/32", "fd00::/8", "fd00:1::1/128"],
  ipv6: true,
};

beforeAll(() => {
  if (!root) return;
  pod = new TestNamespace(name);
});

afterAll(async () => {
  if (root) await pod.remove();
});

const cases: [string, RedirectSettings][] = [
  ["with everything set", settings],
  ["for IPv4 alone", { ...settings, ipv6: false, proxyGid: null, proxyMark: null }],
  ["with chosen incoming ports", { ...settings, inboundOnlyPorts: parsePorts("80,8000-8080", "x"), skipSubnets: [] }],
  ["with outgoing traffic only", { ...settings, inboundPort: null }],
  ["with a network of everything", { ...settings, skipSubnets: ["0.0.0.0/0"] }],
];

test.skipIf(!root).each(cases)("The rules %s are listed as nft lists those of the text form", (_, wanted) => {
  const table = redirectTable(wanted);
  inNetworkNamespace(path, () => installTable(table));
  const ours = ruleset();
  pod.run("nft", "flush", "ruleset");
  sh(pod.command(["nft", "-f", "-"]), tableText(table));
  expect(ours).toBe(ruleset());
  expect(ours).toContain("proxy-init/");
});

test.skipIf(!root)(
  "A second run replaces the rules, also those of the other family, and removing leaves nothing",
  () => {
    inNetworkNamespace(path, () => {
      removeTable(tableName);
      installTable(redirectTable({ ...settings, ipv6: false }));
    });
    const once = ruleset();
    inNetworkNamespace(path, () => {
      installTable(redirectTable(settings));
      installTable(redirectTable({ ...settings, ipv6: false }));
    });
    expect(ruleset()).toBe(once);
    inNetworkNamespace(path, () => {
      expect(existingTables(tableName)).toEqual([{ family: "ip", name: tableName }]);
      expect(removeTable(tableName)).toBe(true);
      expect(removeTable(tableName)).toBe(false);
    });
    expect(ruleset()).toBe("");
  },
);

test.skipIf(!root)("Rules that the kernel refuses leave the earlier ones in place", () => {
  inNetworkNamespace(path, () => installTable(redirectTable(settings)));
  const before = ruleset();
  const table = redirectTable({ ...settings, ipv6: false });
  const broken = { ...table, chains: table.chains.filter(({ hook }) => hook !== null) };
  expect(() => inNetworkNamespace(path, () => installTable(broken))).toThrow("Installing the redirect rules failed");
  expect(ruleset()).toBe(before);
});

test.skipIf(!root)("An application's connection arrives at the proxy, the proxy's own does not", async () => {
  pod.run("ip", "route", "replace", "unreachable", "default");
  pod.run("ip", "link", "add", "d0", "type", "veth", "peer", "name", "d1");
  pod.run("ip", "address", "add", "10.9.9.1/24", "dev", "d0");
  pod.run("ip", "link", "set", "d0", "up");
  pod.run("ip", "link", "set", "d1", "up");
  inNetworkNamespace(path, () => installTable(redirectTable(settings)));
  const listener = inNetworkNamespace(path, () =>
    Bun.listen({
      hostname: "127.0.0.1",
      port: 4140,
      socket: { open: (socket) => void socket.end("proxy"), data() {} },
    }),
  );
  const connect = `require("net").connect(20001, "10.9.9.2").on("data", (d) => process.stdout.write(d)).on("error", (e) => process.stdout.write(e.code)).setTimeout(Number(process.argv[1]), () => process.exit())`;
  /** What a user's connection hears within so many ms. */
  const as = async (uid: number, limit: number): Promise<string> => {
    const user = ["setpriv", `--reuid=${uid}`, "--clear-groups"];
    const argv = pod.command([...user, process.execPath, "-e", connect, String(limit)]);
    return await new Response(Bun.spawn(argv, { stdout: "pipe", stderr: "inherit" }).stdout).text();
  };
  try {
    expect(await as(1000, 20_000)).toBe("proxy");
    expect(await as(2102, 700)).not.toBe("proxy");
    if (Bun.which("iptables-legacy") === null) return;
    // Another tool's rules in the older tables of the same namespace.
    pod.run(
      "iptables-legacy",
      "-t",
      "nat",
      "-A",
      "OUTPUT",
      "-p",
      "tcp",
      "--dport",
      "9",
      "-j",
      "REDIRECT",
      "--to",
      "10",
    );
    expect(await as(1000, 20_000)).toBe("proxy");
    expect(await as(2102, 700)).not.toBe("proxy");
  } finally {
    listener.stop(true);
  }
});
