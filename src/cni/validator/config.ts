/** Flags of `linkerd network-validator`: those of Linkerd's, so that pods injected by either control plane work. */
import { Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "#lib/duration.ts";
import { parseIp } from "#lib/net-addr.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import { addLogFlags, type LogFlags, parseFlags } from "../rule-flags.ts";

export interface ValidatorConfig {
  /** An address outside of the pod that nobody has to answer at. */
  readonly connect: SocketAddr;
  /** Where outgoing connections are redirected to: the proxy's outbound port, on all addresses. */
  readonly listen: SocketAddr;
  /** ms until the redirect must work. */
  readonly timeout: number;
  readonly logFormat: "plain" | "json";
  readonly logLevel: string;
}

function address(text: string): SocketAddr {
  const [, v6, v4, port = ""] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const ip = v6 ?? v4 ?? "";
  if (parseIp(ip) === null || ip.includes(":") !== (v6 !== undefined) || Number(port) > 65535) {
    throw new InvalidArgumentError("Use an IP address and a port, such as 1.1.1.1:20001 or [fd00::1]:20001.");
  }
  return { ip, port: Number(port) };
}

function duration(text: string): number {
  const value = parseDuration(text);
  if (value === null || value <= 0) throw new InvalidArgumentError("Use a duration, such as 10s.");
  return value;
}

/** Null when only help was asked for (and printed). */
export function readConfig(argv: readonly string[]): ValidatorConfig | null {
  const program = new Command("linkerd network-validator")
    .description("Check that the pod's outgoing traffic is redirected, and fail the pod if it is not")
    .addOption(
      new Option("--connect-addr <addr>", "address to connect to")
        .default({ ip: "1.1.1.1", port: 20001 }, "1.1.1.1:20001")
        .argParser(address),
    )
    .addOption(
      new Option("--listen-addr <addr>", "address that connections must arrive at")
        .default({ ip: "0.0.0.0", port: 4140 }, "0.0.0.0:4140")
        .argParser(address),
    )
    .addOption(new Option("--timeout <duration>", "time limit").default(10_000, "10s").argParser(duration));
  const flags = parseFlags<LogFlags & { connectAddr: SocketAddr; listenAddr: SocketAddr; timeout: number }>(
    addLogFlags(program),
    argv,
  );
  if (flags === null) return null;
  const { connectAddr, listenAddr, timeout, logFormat, logLevel } = flags;
  return { connect: connectAddr, listen: listenAddr, timeout, logFormat, logLevel };
}
