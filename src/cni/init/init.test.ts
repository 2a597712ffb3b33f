import { expect, test } from "bun:test";
import { memoryLog } from "#lib/log.ts";
import { installRules, removeRules, type InitTools } from "./app.ts";
import { readConfig, type InitConfig } from "./config.ts";

/** The arguments that an injected pod carries. */
const podArgs = [
  "--firewall-bin-path",
  "iptables-nft",
  "--firewall-save-bin-path",
  "iptables-nft-save",
  "--ipv6=false",
  "--incoming-proxy-port",
  "4143",
  "--outgoing-proxy-port",
  "4140",
  "--proxy-uid",
  "2102",
  "--inbound-ports-to-ignore",
  "4190,4191,4567,4568",
  "--outbound-ports-to-ignore",
  "4567,4568",
  "--timeout-close-wait-secs",
  "0",
];

function config(argv: string[], env: Record<string, string> = {}): InitConfig {
  const read = readConfig(argv, env);
  if (read === null) throw new Error("no configuration");
  return read;
}

test("The arguments of an injected pod are understood", () => {
  const { rules, simulate, closeWaitTimeout } = config(podArgs);
  expect(rules).toMatchObject({
    inboundPort: 4143,
    outboundPort: 4140,
    proxyUid: 2102,
    proxyGid: null,
    proxyMark: null,
    ipv6: false,
  });
  expect(rules.inboundSkipPorts).toHaveLength(4);
  expect([simulate, closeWaitTimeout]).toEqual([false, 0]);
});

test("An unknown flag is an error that names it", () => {
  expect(() => config(["--no-such-flag"])).toThrow("unknown option '--no-such-flag'");
});

test("A value that is no number is an error that names the flag", () => {
  expect(() => config(["--proxy-uid", "root"])).toThrow("--proxy-uid");
});

test("The proxy's socket mark comes from the environment", () => {
  expect(config(podArgs, { LINKERD2_PROXY_SOCKET_MARK: "0x539" }).rules.proxyMark).toBe(0x539);
  expect(() => config(podArgs, { LINKERD2_PROXY_SOCKET_MARK: "x" })).toThrow("LINKERD2_PROXY_SOCKET_MARK");
});

test("A repeated list flag adds to the list", () => {
  const { rules } = config([
    "--subnets-to-ignore",
    "10.0.0.0/8",
    "--subnets-to-ignore",
    "192.168.0.0/16,172.16.0.0/12",
  ]);
  expect(rules.skipSubnets).toEqual(["10.0.0.0/8", "192.168.0.0/16", "172.16.0.0/12"]);
});

/** Tools that note what they are asked for. */
function recorder(fail: Partial<InitTools> = {}): { tools: InitTools; calls: string[] } {
  const calls: string[] = [];
  const tools: InitTools = {
    install: ({ family, name, chains }) => void calls.push(`install ${family} ${name} ${chains.length}`),
    remove: (name) => calls.push(`remove ${name}`) > 0,
    write: (path, text) => void calls.push(`write ${path} ${text}`),
    inside: (netns, run) => {
      calls.push(`enter ${netns}`);
      run();
      calls.push("leave");
    },
    ...fail,
  };
  return { tools, calls };
}

test("The rules and the close-wait timeout go into the named network namespace", () => {
  const { tools, calls } = recorder();
  const args = [...podArgs.slice(0, -1), "60", "--netns", "/run/netns/web"];
  installRules(config(args), memoryLog().log, tools);
  expect(calls).toEqual([
    "enter /run/netns/web",
    "install ip linkerd 4",
    "write /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait 60",
    "leave",
  ]);
});

test("A close-wait timeout that can't be set says what it takes", () => {
  const { tools } = recorder({
    write: () => {
      throw new Error("EROFS");
    },
  });
  const run = (): void => installRules(config([...podArgs.slice(0, -1), "60"]), memoryLog().log, tools);
  expect(run).toThrow("close-wait timeout to 60 s failed; it takes a privileged init container");
});

test("Removing takes the table away and nothing else", () => {
  const { tools, calls } = recorder();
  removeRules(config(["--remove"]), memoryLog().log, tools);
  expect(calls).toEqual(["remove linkerd"]);
});
