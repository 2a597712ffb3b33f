/** Flags and environment of `linkerd cni repair`. */
import { Command, Option } from "commander";
import { MeshError } from "#lib/errors.ts";
import type { RedirectSettings } from "../rules.ts";
import {
  addIgnoredFlags,
  addLogFlags,
  addRuleFlags,
  integer,
  type LogFlags,
  parseFlags,
  type RuleFlags,
  ruleSettings,
} from "../rule-flags.ts";

export interface RepairConfig {
  readonly nodeName: string;
  /** The node's folder of network namespaces, as mounted. Default /host/run/netns. */
  readonly netnsDir: string;
  readonly rules: RedirectSettings;
  /** Port of /ready and /metrics. Default 9990. */
  readonly adminPort: number;
  readonly logFormat: "plain" | "json";
  readonly logLevel: string;
}

interface Flags extends RuleFlags, LogFlags {
  readonly netnsDir: string;
  readonly adminPort: number;
}

/** Null when only help was asked for (and printed). */
export function readConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): RepairConfig | null {
  const program = new Command("linkerd cni repair")
    .description("Repair pods of this node that started before the CNI plugin was ready")
    .addOption(new Option("--netns-dir <path>", "the node's network namespaces, as mounted").default("/host/run/netns"))
    .addOption(new Option("--admin-port <port>", "port of /ready and /metrics").default(9990).argParser(integer));
  const flags = parseFlags<Flags>(addIgnoredFlags(addLogFlags(addRuleFlags(program))), argv);
  if (flags === null) return null;
  const nodeName = env["LINKERD_CNI_NODE_NAME"] ?? "";
  if (nodeName === "") {
    throw new MeshError("environment", `LINKERD_CNI_NODE_NAME is not set; the manifest sets it from "spec.nodeName"`);
  }
  const { netnsDir, adminPort, logFormat, logLevel } = flags;
  return { nodeName, netnsDir, rules: ruleSettings(flags, null), adminPort, logFormat, logLevel };
}
