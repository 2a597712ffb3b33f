import { errorChain } from "#lib/errors.ts";
import { createLog, stderrSink } from "#lib/log.ts";
import { redirectRuleset } from "./rules.ts";
import { installRules } from "./init/app.ts";
import { readConfig } from "./init/config.ts";

/** `linkerd proxy-init FLAGS`: exit code 0 when the rules are in place, 1 when nothing was changed. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const config = readConfig(argv, process.env);
    if (config === null) return 0;
    if (config.simulate) {
      process.stdout.write(redirectRuleset(config.rules));
      return 0;
    }
    await installRules(config, createLog(stderrSink(config.logLevel, config.logFormat), "linkerd::proxy_init"));
    return 0;
  } catch (thrown) {
    process.stderr.write(`linkerd proxy-init: ${errorChain(thrown)}\n`);
    return 1;
  }
}
