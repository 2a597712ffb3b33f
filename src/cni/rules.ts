/**
 * Interception rules of one pod: settings → nftables ruleset text. Pure.
 *
 * Two chains, as users of Linkerd know them: PROXY_INIT_OUTPUT sends the pod's outgoing TCP to the outbound proxy port,
 * PROXY_INIT_REDIRECT its incoming TCP to the inbound one. The order inside a chain is the meaning: first everything that
 * must pass untouched, the redirect last. UDP is never touched.
 */
import { isIP } from "node:net";
import { MeshError } from "#lib/errors.ts";

/** Inclusive, 0–65535, `from` ≤ `to`. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** What to intercept. */
export interface RedirectSettings {
  /** Where incoming TCP goes; null leaves incoming traffic alone. Linkerd's default 4143. */
  readonly inboundPort: number | null;
  /** Where outgoing TCP goes; null leaves outgoing traffic alone. Linkerd's default 4140. */
  readonly outboundPort: number | null;
  /** Packets of this user pass: the proxy itself. Linkerd's default 2102. */
  readonly proxyUid: number | null;
  /** Packets of this group pass. */
  readonly proxyGid: number | null;
  /**
   * Packets whose firewall mark has these low 12 bits pass: how a proxy that can't have a user of its own (a user
   * namespace with one user) is told apart. Null: no such rule.
   */
  readonly proxyMark: number | null;
  /** Destination ports of incoming traffic that pass. */
  readonly inboundSkipPorts: readonly PortRange[];
  /** Destination ports of outgoing traffic that pass. */
  readonly outboundSkipPorts: readonly PortRange[];
  /** When not empty, only these incoming ports are redirected. */
  readonly inboundOnlyPorts: readonly PortRange[];
  /** Source networks in CIDR form whose incoming traffic passes. */
  readonly skipSubnets: readonly string[];
  /** Whether IPv6 is intercepted too. */
  readonly ipv6: boolean;
}

/** The nftables table that holds every rule of ours. */
export const tableName = "linkerd";

/** Reads "4190,4191,5000-5100"; empty parts are ignored. Ports 0–65535. */
export function parsePorts(text: string, flag: string): PortRange[] {
  const ranges: PortRange[] = [];
  for (const raw of text.split(",")) {
    const part = raw.trim();
    if (part === "") continue;
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    const from = Number(match?.[1] ?? Number.NaN);
    const to = Number(match?.[2] ?? from);
    if (!(from >= 0 && to <= 65535 && from <= to)) {
      throw new MeshError(
        "invalid-argument",
        `${flag} has the invalid part "${part}"; use ports or ranges such as 4190,5000-5100`,
      );
    }
    ranges.push({ from, to });
  }
  return ranges;
}

/** Checks a network such as "10.0.0.0/8" or "fd00::/8" and gives it back. */
export function parseSubnet(text: string, flag: string): string {
  const [ip, bits, ...rest] = text.split("/");
  const family = isIP(ip ?? "");
  const length = Number(bits);
  const valid =
    family !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits ?? "") && length <= (family === 4 ? 32 : 128);
  if (!valid)
    throw new MeshError(
      "invalid-argument",
      `${flag} has the invalid network "${text}"; use CIDR form such as 10.0.0.0/8`,
    );
  return text;
}

/** Adjoining and overlapping ranges joined, because nftables refuses overlaps inside one set. */
function merge(ranges: readonly PortRange[]): PortRange[] {
  const merged: PortRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last !== undefined && range.from <= last.to + 1) {
      merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, range.to) };
    } else merged.push(range);
  }
  return merged;
}

function portSet(ranges: readonly PortRange[]): string {
  const parts = merge(ranges).map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));
  return `{ ${parts.join(", ")} }`;
}

function outputRules(settings: RedirectSettings, port: number): string[] {
  const rules: string[] = [];
  if (settings.proxyUid !== null) {
    rules.push(`meta skuid ${settings.proxyUid} return comment "proxy-init/ignore-proxy-user-id"`);
  }
  if (settings.proxyGid !== null) {
    rules.push(`meta skgid ${settings.proxyGid} return comment "proxy-init/ignore-proxy-group-id"`);
  }
  if (settings.proxyMark !== null) {
    rules.push(
      `meta mark & 0xfff == 0x${settings.proxyMark.toString(16)} return comment "proxy-init/ignore-proxy-mark"`,
    );
  }
  rules.push(`oifname "lo" return comment "proxy-init/ignore-loopback"`);
  if (settings.outboundSkipPorts.length > 0) {
    rules.push(`tcp dport ${portSet(settings.outboundSkipPorts)} return comment "proxy-init/ignore-port"`);
  }
  rules.push(`meta l4proto tcp redirect to :${port} comment "proxy-init/redirect-all-outgoing-to-proxy-port"`);
  return rules;
}

function inputRules(settings: RedirectSettings, port: number): string[] {
  const rules: string[] = [];
  if (settings.inboundSkipPorts.length > 0) {
    rules.push(`tcp dport ${portSet(settings.inboundSkipPorts)} return comment "proxy-init/ignore-port"`);
  }
  for (const subnet of settings.skipSubnets) {
    const v6 = subnet.includes(":");
    if (v6 && !settings.ipv6) continue;
    rules.push(`${v6 ? "ip6" : "ip"} saddr ${subnet} return comment "proxy-init/ignore-subnet"`);
  }
  if (settings.inboundOnlyPorts.length > 0) {
    rules.push(
      `tcp dport ${portSet(settings.inboundOnlyPorts)} redirect to :${port} comment "proxy-init/redirect-port"`,
    );
  } else {
    rules.push(`meta l4proto tcp redirect to :${port} comment "proxy-init/redirect-all-incoming-to-proxy-port"`);
  }
  return rules;
}

function chain(name: string, lines: readonly string[]): string {
  return [`  chain ${name} {`, ...lines.map((line) => `    ${line}`), "  }"].join("\n");
}

/** The ruleset for `nft -f -`: replaces what an earlier run installed, in one transaction. */
export function redirectRuleset(settings: RedirectSettings): string {
  const family = settings.ipv6 ? "inet" : "ip";
  const chains: string[] = [];
  if (settings.outboundPort !== null) {
    chains.push(
      chain("PROXY_INIT_OUTPUT", outputRules(settings, settings.outboundPort)),
      chain("OUTPUT", [
        "type nat hook output priority -100; policy accept;",
        `meta l4proto tcp jump PROXY_INIT_OUTPUT comment "proxy-init/install-proxy-init-output"`,
      ]),
    );
  }
  if (settings.inboundPort !== null) {
    chains.push(
      chain("PROXY_INIT_REDIRECT", inputRules(settings, settings.inboundPort)),
      chain("PREROUTING", [
        "type nat hook prerouting priority -100; policy accept;",
        `meta l4proto tcp jump PROXY_INIT_REDIRECT comment "proxy-init/install-proxy-init-prerouting"`,
      ]),
    );
  }
  const table = `table ${family} ${tableName}`;
  return `${table}\ndelete ${table}\n${table} {\n${chains.join("\n")}\n}\n`;
}
