/** The flags that say what to redirect: the same for the init container, the plugin's installer and the repair controller. */
import { type Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { MeshError } from "#lib/errors.ts";
import { parsePorts, parseSubnet, type RedirectSettings } from "./rules.ts";

/** The values of the flags, as commander names them. */
export interface RuleFlags {
  readonly incomingProxyPort: number;
  readonly outgoingProxyPort: number;
  readonly proxyUid: number;
  readonly proxyGid: number;
  readonly portsToRedirect: readonly string[];
  readonly inboundPortsToIgnore: readonly string[];
  readonly outboundPortsToIgnore: readonly string[];
  readonly subnetsToIgnore: readonly string[];
  readonly ipv6: boolean;
}

export interface LogFlags {
  readonly logFormat: "plain" | "json";
  readonly logLevel: string;
}

export function integer(text: string): number {
  if (!/^-?\d{1,10}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

export function bool(text: string | boolean): boolean {
  if (text === true || text === "true") return true;
  if (text === false || text === "false") return false;
  throw new InvalidArgumentError("It must be true or false.");
}

/** For flags that take "a,b" and may be repeated. */
export function list(text: string, before: readonly string[]): string[] {
  return [...before, ...text.split(",").filter((part) => part.trim() !== "")];
}

export function addRuleFlags(command: Command): Command {
  const ports = (flags: string, text: string): Option => new Option(flags, text).default([]).argParser(list);
  const number = (flags: string, text: string): Option => new Option(flags, text).default(-1).argParser(integer);
  return command
    .addOption(number("-p, --incoming-proxy-port <port>", "port to redirect incoming traffic to"))
    .addOption(number("-o, --outgoing-proxy-port <port>", "port to redirect outgoing traffic to"))
    .addOption(number("-u, --proxy-uid <uid>", "user of the proxy, whose traffic passes"))
    .addOption(number("-g, --proxy-gid <gid>", "group of the proxy, whose traffic passes"))
    .addOption(ports("-r, --ports-to-redirect <ports>", "redirect only these incoming ports"))
    .addOption(ports("--inbound-ports-to-ignore <ports>", "incoming ports that pass"))
    .addOption(ports("--outbound-ports-to-ignore <ports>", "outgoing ports that pass"))
    .addOption(ports("--subnets-to-ignore <networks>", "source networks that pass"))
    .addOption(new Option("--ipv6 [bool]", "intercept IPv6 too").default(true).argParser(bool));
}

/** Flags of charts that have no effect here: every mode ends in the same rules of the kernel, which needs no lock. */
export function addIgnoredFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--iptables-mode <mode>", "ignored: no firewall program is run").choices(["nft", "legacy", "plain"]),
    )
    .addOption(new Option("-w, --use-wait-flag [bool]", "ignored: there is no lock").default(false).argParser(bool));
}

export function addLogFlags(command: Command): Command {
  return command
    .addOption(new Option("--log-format <format>", "plain or json").default("plain").choices(["plain", "json"]))
    .addOption(new Option("--log-level <level>", "log level").default("info"));
}

function id(value: number): number | null {
  return value < 0 ? null : value;
}

function port(value: number, name: string): number | null {
  if (value < 0) return null;
  if (value < 1 || value > 65535)
    throw new MeshError("invalid-argument", `${name} is ${value}; use a port from 1 to 65535`);
  return value;
}

/** Throws "invalid-argument" naming the flag. `proxyMark`: the socket mark of a proxy without a user of its own. */
export function ruleSettings(flags: RuleFlags, proxyMark: number | null): RedirectSettings {
  return {
    inboundPort: port(flags.incomingProxyPort, "--incoming-proxy-port"),
    outboundPort: port(flags.outgoingProxyPort, "--outgoing-proxy-port"),
    proxyUid: id(flags.proxyUid),
    proxyGid: id(flags.proxyGid),
    proxyMark,
    inboundSkipPorts: parsePorts(flags.inboundPortsToIgnore.join(","), "--inbound-ports-to-ignore"),
    outboundSkipPorts: parsePorts(flags.outboundPortsToIgnore.join(","), "--outbound-ports-to-ignore"),
    inboundOnlyPorts: parsePorts(flags.portsToRedirect.join(","), "--ports-to-redirect"),
    skipSubnets: flags.subnetsToIgnore.map((subnet) => parseSubnet(subnet.trim(), "--subnets-to-ignore")),
    ipv6: flags.ipv6,
  };
}

/** Parses words by a command's flags; null when only help was asked for (and printed). Throws "invalid-argument". */
export function parseFlags<T extends object>(command: Command, argv: readonly string[]): T | null {
  command
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  try {
    return command.parse(argv, { from: "user" }).opts<T>();
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.code === "commander.helpDisplayed") return null;
    throw new MeshError("invalid-argument", thrown.message.replace(/^error: /, ""), { cause: thrown });
  }
}
