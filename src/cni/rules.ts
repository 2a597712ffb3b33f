/**
 * Interception rules of one pod: settings → an nftables table. Pure.
 *
 * Two chains, as users of Linkerd know them: PROXY_INIT_OUTPUT sends the pod's outgoing TCP to the outbound proxy port,
 * PROXY_INIT_REDIRECT its incoming TCP to the inbound one. The order inside a chain is the meaning: first everything that
 * must pass untouched, the redirect last. UDP is never touched.
 */
import { MeshError } from "#lib/errors.ts";
import { parseIp } from "#lib/net-addr.ts";
import { parsePortRanges, type PortRange } from "#lib/port-list.ts";
import type { Chain, Match, Rule, Table, Verdict } from "./nftables/table.ts";

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

/** Reads "4190,4191,5000-5100" of a flag or annotation; empty parts are ignored. Ports 0–65535. */
export const parsePorts = (text: string, what: string): PortRange[] => parsePortRanges(text, { what, least: 0 });

/** Checks a network such as "10.0.0.0/8" or "fd00::/8" and gives it back. */
export function parseSubnet(text: string, flag: string): string {
  const [ip = "", bits = "", ...rest] = text.split("/");
  const address = parseIp(ip);
  const valid =
    address !== null &&
    rest.length === 0 &&
    /^\d{1,3}$/.test(bits) &&
    Number(bits) <= address.length * 8 &&
    // An IPv4-mapped address is of neither family.
    ip.includes(":") === (address.length === 16);
  if (!valid)
    throw new MeshError(
      "invalid-argument",
      `${flag} has the invalid network "${text}"; use CIDR form such as 10.0.0.0/8`,
    );
  return text;
}

/** Adjoining and overlapping ranges joined: fewer rules. */
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

function rule(match: Match, verdict: Verdict, comment: string): Rule {
  return { match, verdict, comment: `proxy-init/${comment}` };
}

const pass: Verdict = { kind: "return" };
const tcp: Match = { kind: "tcp" };

function portRules(ranges: readonly PortRange[], verdict: Verdict, comment: string): Rule[] {
  return merge(ranges).map((range) => rule({ kind: "tcp-ports", ...range }, verdict, comment));
}

function outputRules(settings: RedirectSettings, port: number): Rule[] {
  const { proxyUid, proxyGid, proxyMark } = settings;
  const rules: Rule[] = [];
  if (proxyUid !== null) rules.push(rule({ kind: "user", id: proxyUid }, pass, "ignore-proxy-user-id"));
  if (proxyGid !== null) rules.push(rule({ kind: "group", id: proxyGid }, pass, "ignore-proxy-group-id"));
  if (proxyMark !== null) {
    rules.push(rule({ kind: "mark", mask: 0xfff, value: proxyMark }, pass, "ignore-proxy-mark"));
  }
  return [
    ...rules,
    rule({ kind: "output-interface", name: "lo" }, pass, "ignore-loopback"),
    ...portRules(settings.outboundSkipPorts, pass, "ignore-port"),
    rule(tcp, { kind: "redirect", port }, "redirect-all-outgoing-to-proxy-port"),
  ];
}

function subnetRule(cidr: string): Rule {
  const [ip = "", bits = ""] = cidr.split("/");
  const address = parseIp(ip);
  if (address === null) throw new MeshError("internal", `The network "${cidr}" was not checked`);
  return rule({ kind: "source", cidr, address, prefix: Number(bits) }, pass, "ignore-subnet");
}

function inputRules(settings: RedirectSettings, port: number): Rule[] {
  const redirect: Verdict = { kind: "redirect", port };
  const networks = settings.skipSubnets.filter((cidr) => settings.ipv6 || !cidr.includes(":"));
  return [
    ...portRules(settings.inboundSkipPorts, pass, "ignore-port"),
    ...networks.map(subnetRule),
    ...(settings.inboundOnlyPorts.length > 0
      ? portRules(settings.inboundOnlyPorts, redirect, "redirect-port")
      : [rule(tcp, redirect, "redirect-all-incoming-to-proxy-port")]),
  ];
}

/** The rules as one table, which replaces what an earlier run installed. */
export function redirectTable(settings: RedirectSettings): Table {
  const chains: Chain[] = [];
  const add = (hook: "prerouting" | "output", name: string, rules: Rule[]): void => {
    const jump = rule(tcp, { kind: "jump", chain: name }, `install-proxy-init-${hook}`);
    chains.push({ name, hook: null, rules }, { name: hook.toUpperCase(), hook, rules: [jump] });
  };
  if (settings.outboundPort !== null) add("output", "PROXY_INIT_OUTPUT", outputRules(settings, settings.outboundPort));
  if (settings.inboundPort !== null)
    add("prerouting", "PROXY_INIT_REDIRECT", inputRules(settings, settings.inboundPort));
  return { family: settings.ipv6 ? "inet" : "ip", name: tableName, chains };
}
