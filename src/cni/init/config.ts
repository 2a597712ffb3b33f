/** Flags of `linkerd proxy-init`: those of linkerd2-proxy-init, so that pods injected by either control plane work. */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { MeshError } from "#lib/errors.ts";
import { parsePorts, parseSubnet, type RedirectSettings } from "../rules.ts";

/** What one run does. */
export interface InitConfig {
  readonly rules: RedirectSettings;
  /** Print the rules and change nothing. */
  readonly simulate: boolean;
  /** Take the rules of an earlier run away instead of installing any. */
  readonly remove: boolean;
  /** Enter this network namespace (a path) first; null: the one we run in. */
  readonly netns: string | null;
  /** Conntrack's close-wait timeout in seconds; 0 leaves it alone. */
  readonly closeWaitTimeout: number;
  readonly logFormat: "plain" | "json";
  readonly logLevel: string;
}

function integer(text: string): number {
  if (!/^-?\d{1,10}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

function bool(text: string | boolean): boolean {
  if (text === true || text === "true") return true;
  if (text === false || text === "false") return false;
  throw new InvalidArgumentError("It must be true or false.");
}

function list(text: string, before: readonly string[]): string[] {
  return [...before, ...text.split(",").filter((part) => part.trim() !== "")];
}

interface Flags {
  incomingProxyPort: number;
  outgoingProxyPort: number;
  proxyUid: number;
  proxyGid: number;
  portsToRedirect: string[];
  inboundPortsToIgnore: string[];
  outboundPortsToIgnore: string[];
  subnetsToIgnore: string[];
  simulate: boolean;
  remove: boolean;
  netns?: string;
  timeoutCloseWaitSecs: number;
  ipv6: boolean;
  logFormat: "plain" | "json";
  logLevel: string;
  firewallBinPath: string;
  firewallSaveBinPath: string;
}

function command(): Command {
  const flag = (flags: string, text: string): Option => new Option(flags, text);
  return (
    new Command("linkerd proxy-init")
      .description("Redirect the pod's traffic to its proxy (runs once, in an init container)")
      .addOption(
        flag("-p, --incoming-proxy-port <port>", "port to redirect incoming traffic to").default(-1).argParser(integer),
      )
      .addOption(
        flag("-o, --outgoing-proxy-port <port>", "port to redirect outgoing traffic to").default(-1).argParser(integer),
      )
      .addOption(
        flag("-u, --proxy-uid <uid>", "user of the proxy, whose traffic passes").default(-1).argParser(integer),
      )
      .addOption(
        flag("-g, --proxy-gid <gid>", "group of the proxy, whose traffic passes").default(-1).argParser(integer),
      )
      .addOption(
        flag("-r, --ports-to-redirect <ports>", "redirect only these incoming ports").default([]).argParser(list),
      )
      .addOption(flag("--inbound-ports-to-ignore <ports>", "incoming ports that pass").default([]).argParser(list))
      .addOption(flag("--outbound-ports-to-ignore <ports>", "outgoing ports that pass").default([]).argParser(list))
      .addOption(flag("--subnets-to-ignore <networks>", "source networks that pass").default([]).argParser(list))
      .addOption(flag("--simulate [bool]", "print the rules, change nothing").default(false).argParser(bool))
      .addOption(flag("--remove", "remove the rules of an earlier run").default(false))
      .addOption(flag("--netns <path>", "network namespace to work in"))
      .addOption(
        flag("--timeout-close-wait-secs <seconds>", "conntrack's close-wait timeout").default(0).argParser(integer),
      )
      .addOption(flag("--ipv6 [bool]", "intercept IPv6 too").default(true).argParser(bool))
      .addOption(flag("--log-format <format>", "plain or json").default("plain").choices(["plain", "json"]))
      .addOption(flag("--log-level <level>", "log level").default("info"))
      // Accepted for compatibility: the kernel takes the rules from us in one transaction, which needs no program or lock.
      .addOption(flag("--firewall-bin-path <path>", "ignored: no firewall program is run").default(""))
      .addOption(flag("--firewall-save-bin-path <path>", "ignored: no firewall program is run").default(""))
      .addOption(flag("-w, --use-wait-flag [bool]", "ignored: there is no lock").default(false).argParser(bool))
      .allowExcessArguments(false)
      .exitOverride()
  );
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

/** The low 12 bits of the mark by which a proxy without a user of its own is known: LINKERD2_PROXY_SOCKET_MARK. */
function mark(text: string | undefined): number | null {
  if (text === undefined || text === "") return null;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 0xfff) {
    throw new MeshError("invalid-argument", `LINKERD2_PROXY_SOCKET_MARK is "${text}"; use a number from 1 to 0xfff`);
  }
  return value;
}

/** Null when only help was asked for (and printed). */
export function readConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): InitConfig | null {
  const program = command();
  try {
    program.configureOutput({ writeErr: () => {} });
    program.parse(argv, { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.code === "commander.helpDisplayed") return null;
    throw new MeshError("invalid-argument", thrown.message.replace(/^error: /, ""), { cause: thrown });
  }
  const flags = program.opts<Flags>();
  return {
    rules: {
      inboundPort: port(flags.incomingProxyPort, "--incoming-proxy-port"),
      outboundPort: port(flags.outgoingProxyPort, "--outgoing-proxy-port"),
      proxyUid: id(flags.proxyUid),
      proxyGid: id(flags.proxyGid),
      proxyMark: mark(env["LINKERD2_PROXY_SOCKET_MARK"]),
      inboundSkipPorts: parsePorts(flags.inboundPortsToIgnore.join(","), "--inbound-ports-to-ignore"),
      outboundSkipPorts: parsePorts(flags.outboundPortsToIgnore.join(","), "--outbound-ports-to-ignore"),
      inboundOnlyPorts: parsePorts(flags.portsToRedirect.join(","), "--ports-to-redirect"),
      skipSubnets: flags.subnetsToIgnore.map((subnet) => parseSubnet(subnet.trim(), "--subnets-to-ignore")),
      ipv6: flags.ipv6,
    },
    simulate: flags.simulate,
    remove: flags.remove,
    netns: flags.netns ?? null,
    closeWaitTimeout: flags.timeoutCloseWaitSecs,
    logFormat: flags.logFormat,
    logLevel: flags.logLevel,
  };
}
