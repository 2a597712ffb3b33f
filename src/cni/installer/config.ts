/** Flags and environment of `linkerd cni install`. */
import { Command, Option } from "commander";
import type { RedirectSettings } from "../rules.ts";
import {
  addIgnoredFlags,
  addLogFlags,
  addRuleFlags,
  integer,
  list,
  type LogFlags,
  parseFlags,
  type RuleFlags,
  ruleSettings,
} from "../rule-flags.ts";

export interface InstallerConfig {
  /** The node's folder of plugins, as mounted here. Default /host/opt/cni/bin. */
  readonly binDir: string;
  /** The node's folder of network configurations, as mounted here. Default /host/etc/cni/net.d. */
  readonly netDir: string;
  /** The same folder as it is called on the node. Default /etc/cni/net.d. */
  readonly hostNetDir: string;
  /** What becomes the plugin. Default: this program. */
  readonly executable: string;
  readonly rules: RedirectSettings;
  readonly excludeNamespaces: readonly string[];
  /** Port of /ready and /metrics. Default 9991. */
  readonly adminPort: number;
  /** Where our own DaemonSet is; null: not known, then a stop is never a removal. */
  readonly daemonSet: { readonly namespace: string; readonly name: string } | null;
  readonly logFormat: "plain" | "json";
  readonly logLevel: string;
}

interface Flags extends RuleFlags, LogFlags {
  readonly cniBinDir: string;
  readonly cniNetDir: string;
  readonly hostCniNetDir: string;
  readonly executable: string;
  readonly excludeNamespaces: readonly string[];
  readonly adminPort: number;
}

type Env = Readonly<Record<string, string | undefined>>;

function addFolderFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--cni-bin-dir <path>", "the node's folder of CNI plugins, as mounted").default("/host/opt/cni/bin"),
    )
    .addOption(
      new Option("--cni-net-dir <path>", "the node's folder of network configurations, as mounted").default(
        "/host/etc/cni/net.d",
      ),
    );
}

/** Null when only help was asked for (and printed). */
export function readConfig(argv: readonly string[], env: Env): InstallerConfig | null {
  const program = new Command("linkerd cni install")
    .description("Install the CNI plugin on this node and keep it there")
    .addOption(
      new Option("--host-cni-net-dir <path>", "the same folder as the node calls it").default("/etc/cni/net.d"),
    )
    .addOption(new Option("--executable <path>", "what becomes the plugin").default(process.execPath, "this program"))
    .addOption(new Option("--exclude-namespaces <names>", "namespaces without meshed pods").default([]).argParser(list))
    .addOption(new Option("--admin-port <port>", "port of /ready and /metrics").default(9991).argParser(integer));
  const flags = parseFlags<Flags>(addIgnoredFlags(addLogFlags(addRuleFlags(addFolderFlags(program)))), argv);
  if (flags === null) return null;
  const namespace = env["LINKERD_CNI_NAMESPACE"] ?? "";
  const name = env["LINKERD_CNI_DAEMONSET"] ?? "";
  const own = namespace === "" ? [] : [namespace];
  return {
    binDir: flags.cniBinDir,
    netDir: flags.cniNetDir,
    hostNetDir: flags.hostCniNetDir,
    executable: flags.executable,
    rules: ruleSettings(flags, null),
    excludeNamespaces: flags.excludeNamespaces.length > 0 ? flags.excludeNamespaces : ["kube-system", ...own],
    adminPort: flags.adminPort,
    daemonSet: namespace === "" || name === "" ? null : { namespace, name },
    logFormat: flags.logFormat,
    logLevel: flags.logLevel,
  };
}

/** For `linkerd cni uninstall`, which a person runs on a node. */
export function readRemoval(argv: readonly string[]): Pick<InstallerConfig, "binDir" | "netDir"> | null {
  const program = new Command("linkerd cni uninstall").description("Remove the CNI plugin from this node");
  const flags = parseFlags<Pick<Flags, "cniBinDir" | "cniNetDir">>(addFolderFlags(program), argv);
  return flags === null ? null : { binDir: flags.cniBinDir, netDir: flags.cniNetDir };
}
