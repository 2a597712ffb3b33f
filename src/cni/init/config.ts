/** Flags of `linkerd proxy-init`: those of linkerd2-proxy-init, so that pods injected by either control plane work. */
import { Command, Option } from "commander";
import { MeshError } from "#lib/errors.ts";
import type { RedirectSettings } from "../rules.ts";
import {
  addLogFlags,
  addRuleFlags,
  bool,
  integer,
  type LogFlags,
  parseFlags,
  type RuleFlags,
  ruleSettings,
} from "../rule-flags.ts";

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

interface Flags extends RuleFlags, LogFlags {
  readonly simulate: boolean;
  readonly remove: boolean;
  readonly netns?: string;
  readonly timeoutCloseWaitSecs: number;
}

function command(): Command {
  const flag = (flags: string, text: string): Option => new Option(flags, text);
  const program = new Command("linkerd proxy-init").description(
    "Redirect the pod's traffic to its proxy (runs once, in an init container)",
  );
  return (
    addLogFlags(addRuleFlags(program))
      .addOption(flag("--simulate [bool]", "print the rules, change nothing").default(false).argParser(bool))
      .addOption(flag("--remove", "remove the rules of an earlier run").default(false))
      .addOption(flag("--netns <path>", "network namespace to work in"))
      .addOption(
        flag("--timeout-close-wait-secs <seconds>", "conntrack's close-wait timeout").default(0).argParser(integer),
      )
      // Accepted for compatibility: the kernel takes the rules from us in one transaction, which needs no program or lock.
      .addOption(flag("--firewall-bin-path <path>", "ignored: no firewall program is run").default(""))
      .addOption(flag("--firewall-save-bin-path <path>", "ignored: no firewall program is run").default(""))
      .addOption(flag("-w, --use-wait-flag [bool]", "ignored: there is no lock").default(false).argParser(bool))
  );
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
  const flags = parseFlags<Flags>(command(), argv);
  if (flags === null) return null;
  if (flags.timeoutCloseWaitSecs < 0 || flags.timeoutCloseWaitSecs > 86_400) {
    throw new MeshError(
      "invalid-argument",
      `--timeout-close-wait-secs is ${flags.timeoutCloseWaitSecs}; use seconds from 0 to 86400`,
    );
  }
  return {
    rules: ruleSettings(flags, mark(env["LINKERD2_PROXY_SOCKET_MARK"])),
    simulate: flags.simulate,
    remove: flags.remove,
    netns: flags.netns ?? null,
    closeWaitTimeout: flags.timeoutCloseWaitSecs,
    logFormat: flags.logFormat,
    logLevel: flags.logLevel,
  };
}
