/** Installs a pod's interception rules, or takes them away again. */
import { writeFileSync } from "node:fs";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { inNetworkNamespace } from "#lib/net/network-namespace.ts";
import { installTable, removeTable } from "../nftables/apply.ts";
import type { Table } from "../nftables/table.ts";
import { tableText } from "../nftables/text.ts";
import { redirectTable, tableName } from "../rules.ts";
import type { InitConfig } from "./config.ts";

/** What the work is done with; replaced in tests. */
export interface InitTools {
  readonly install: (table: Table) => void;
  readonly remove: (name: string) => boolean;
  readonly write: (path: string, text: string) => void;
  /** Runs in the network namespace of that path. */
  readonly inside: (netns: string, run: () => void) => void;
}

const system: InitTools = {
  install: installTable,
  remove: removeTable,
  write: (path, text) => writeFileSync(path, text),
  inside: inNetworkNamespace,
};

const closeWait = "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait";

/** Applies the rules, all or none. A second run replaces the rules of the first. */
export function installRules(config: InitConfig, log: Log, tools: InitTools = system): void {
  const table = redirectTable(config.rules);
  for (const line of tableText(table).trimEnd().split("\n")) log.debug(line);
  inConfigured(config, tools, () => {
    tools.install(table);
    if (config.closeWaitTimeout === 0) return;
    try {
      tools.write(closeWait, String(config.closeWaitTimeout));
    } catch (cause) {
      throw new MeshError(
        "environment",
        `Setting conntrack's close-wait timeout to ${config.closeWaitTimeout} s failed; it takes a privileged init container that runs as root (values "proxyInit.privileged" and "proxyInit.runAsRoot")`,
        { cause },
      );
    }
  });
  log.info("Redirect rules are installed", {
    inbound: config.rules.inboundPort,
    outbound: config.rules.outboundPort,
    uid: config.rules.proxyUid,
    mark: config.rules.proxyMark,
  });
}

/** Removes what {@link installRules} made; nothing to remove is fine. */
export function removeRules(config: InitConfig, log: Log, tools: InitTools = system): void {
  inConfigured(config, tools, () => {
    log.info(tools.remove(tableName) ? "Redirect rules are removed" : "There were no redirect rules");
  });
}

function inConfigured(config: InitConfig, tools: InitTools, run: () => void): void {
  if (config.netns === null) run();
  else tools.inside(config.netns, run);
}
