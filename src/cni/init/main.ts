import { errorChain } from "#lib/errors.ts";
import { createLog, stderrSink } from "#lib/log.ts";
import { installRules, removeRules } from "./app.ts";
import { readConfig } from "./config.ts";
import { tableText } from "../nftables/text.ts";
import { redirectTable } from "../rules.ts";

/** `linkerd proxy-init FLAGS`: exit code 0 when the rules are in place, 1 when nothing was changed. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const config = readConfig(argv, process.env);
    if (config === null) return 0;
    if (config.simulate) {
      process.stdout.write(tableText(redirectTable(config.rules)));
      return 0;
    }
    const log = createLog(stderrSink(config.logLevel, config.logFormat), "linkerd::proxy_init");
    if (config.remove) removeRules(config, log);
    else installRules(config, log);
    return 0;
  } catch (thrown) {
    process.stderr.write(`linkerd proxy-init: ${errorChain(thrown)}\n`);
    return 1;
  }
}
