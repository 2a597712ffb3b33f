import { expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import { tableText } from "./nftables/text.ts";
import { parsePorts, parseSubnet, redirectTable, type RedirectSettings } from "./rules.ts";

const redirectRuleset = (settings: RedirectSettings): string => tableText(redirectTable(settings));

const defaults: RedirectSettings = {
  inboundPort: 4143,
  outboundPort: 4140,
  proxyUid: 2102,
  proxyGid: null,
  proxyMark: null,
  inboundSkipPorts: parsePorts("4190,4191,4567,4568", "--inbound-ports-to-ignore"),
  outboundSkipPorts: parsePorts("4567,4568", "--outbound-ports-to-ignore"),
  inboundOnlyPorts: [],
  skipSubnets: [],
  ipv6: true,
};

test("The default settings give Linkerd's two chains with the redirect last", () => {
  expect(redirectRuleset(defaults)).toBe(`table inet linkerd
delete table inet linkerd
table inet linkerd {
  chain PROXY_INIT_OUTPUT {
    meta skuid 2102 return comment "proxy-init/ignore-proxy-user-id"
    oifname "lo" return comment "proxy-init/ignore-loopback"
    tcp dport 4567-4568 return comment "proxy-init/ignore-port"
    meta l4proto tcp redirect to :4140 comment "proxy-init/redirect-all-outgoing-to-proxy-port"
  }
  chain OUTPUT {
    type nat hook output priority -100; policy accept;
    meta l4proto tcp jump PROXY_INIT_OUTPUT comment "proxy-init/install-proxy-init-output"
  }
  chain PROXY_INIT_REDIRECT {
    tcp dport 4190-4191 return comment "proxy-init/ignore-port"
    tcp dport 4567-4568 return comment "proxy-init/ignore-port"
    meta l4proto tcp redirect to :4143 comment "proxy-init/redirect-all-incoming-to-proxy-port"
  }
  chain PREROUTING {
    type nat hook prerouting priority -100; policy accept;
    meta l4proto tcp jump PROXY_INIT_REDIRECT comment "proxy-init/install-proxy-init-prerouting"
  }
}
`);
});

test("The proxy is let through by user, group and mark before anything else", () => {
  const text = redirectRuleset({ ...defaults, proxyGid: 2103, proxyMark: 0x539 });
  const lines = text.split("\n").map((line) => line.trim());
  const at = lines.indexOf("chain PROXY_INIT_OUTPUT {");
  expect(lines.slice(at + 1, at + 5)).toEqual([
    `meta skuid 2102 return comment "proxy-init/ignore-proxy-user-id"`,
    `meta skgid 2103 return comment "proxy-init/ignore-proxy-group-id"`,
    `meta mark & 0xfff == 0x539 return comment "proxy-init/ignore-proxy-mark"`,
    `oifname "lo" return comment "proxy-init/ignore-loopback"`,
  ]);
});

test("Skipped source networks pass on the way in, IPv6 ones only when IPv6 is intercepted", () => {
  const skipSubnets = ["10.0.0.0/8", "fd00::/8"];
  expect(redirectRuleset({ ...defaults, skipSubnets })).toContain(
    `    ip saddr 10.0.0.0/8 return comment "proxy-init/ignore-subnet"\n    ip6 saddr fd00::/8 return`,
  );
  const v4 = redirectRuleset({ ...defaults, skipSubnets, ipv6: false });
  expect(v4).toStartWith("table ip linkerd\n");
  expect(v4).toContain("ip saddr 10.0.0.0/8 return");
  expect(v4).not.toContain("ip6");
});

test("Named incoming ports limit what is redirected", () => {
  const text = redirectRuleset({ ...defaults, inboundOnlyPorts: parsePorts("80,8080", "--ports-to-redirect") });
  expect(text).toContain("tcp dport 80 redirect to :4143");
  expect(text).toContain("tcp dport 8080 redirect to :4143");
  expect(text).not.toContain("redirect-all-incoming");
});

test("Without an incoming port incoming traffic is left alone", () => {
  const text = redirectRuleset({ ...defaults, inboundPort: null });
  expect(text).not.toContain("PREROUTING");
  expect(text).toContain("PROXY_INIT_OUTPUT");
});

test("Overlapping and adjoining ports become one range", () => {
  const text = redirectRuleset({ ...defaults, outboundSkipPorts: parsePorts("25-30,28-40,41,5432", "x") });
  expect(text.match(/tcp dport \S+ return/g)).toContain("tcp dport 25-41 return");
  expect(text).toContain("tcp dport 5432 return");
});

test.each(["70000", "5-3", "web", "1-2-3", "-1"])("The port list %p is refused by name", (text) => {
  expect(() => parsePorts(text, "--inbound-ports-to-ignore")).toThrow(MeshError);
});

test.each([
  "10.0.0.0",
  "10.0.0.0/33",
  "fd00::/129",
  "10.0.0/8",
  "1.2.3.4/8; flush ruleset",
  "10.0.0.0/8/9",
  "::ffff:10.0.0.0/104",
])("The network %p is refused", (text) => {
  expect(() => parseSubnet(text, "--subnets-to-ignore")).toThrow(MeshError);
});
