/** Installs a pod's interception rules through `nft`. */
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { redirectRuleset } from "../rules.ts";
import type { InitConfig } from "./config.ts";

/** Runs a command with text on its standard input. */
export type RunCommand = (
  argv: readonly string[],
  input: string,
) => Promise<{ readonly code: number; readonly stderr: string }>;

export async function runCommand(argv: readonly string[], input: string): Promise<{ code: number; stderr: string }> {
  let child;
  try {
    child = Bun.spawn([...argv], { stdin: Buffer.from(input), stdout: "ignore", stderr: "pipe" });
  } catch (cause) {
    throw new MeshError(
      "environment",
      `Starting "${argv[0]}" failed; install the package that has it (Debian: apt-get install nftables)`,
      { cause },
    );
  }
  const stderr = await new Response(child.stderr).text();
  return { code: await child.exited, stderr };
}

/** Applies the rules, all or none. */
export async function installRules(config: InitConfig, log: Log, run: RunCommand = runCommand): Promise<void> {
  const ruleset = redirectRuleset(config.rules);
  for (const line of ruleset.trimEnd().split("\n")) log.debug(line);
  const enter = config.netns === null ? [] : ["nsenter", `--net=${config.netns}`];
  const { code, stderr } = await run([...enter, "nft", "-f", "-"], ruleset);
  if (code !== 0) {
    throw new MeshError(
      "environment",
      `Installing the redirect rules failed: nft ended with ${code}: ${stderr.trim()}`,
    );
  }
  if (config.closeWaitTimeout > 0) {
    const setting = `net.netfilter.nf_conntrack_tcp_timeout_close_wait=${config.closeWaitTimeout}`;
    const result = await run([...enter, "sysctl", "-qw", setting], "");
    if (result.code !== 0) {
      throw new MeshError(
        "environment",
        `Setting ${setting} failed: ${result.stderr.trim()}; it needs a privileged init container that runs as root`,
      );
    }
  }
  log.info("Redirect rules are installed", {
    inbound: config.rules.inboundPort,
    outbound: config.rules.outboundPort,
    uid: config.rules.proxyUid,
    mark: config.rules.proxyMark,
  });
}
