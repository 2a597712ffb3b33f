import { systemClock } from "#lib/clock.ts";
import { errorChain } from "#lib/errors.ts";
import { createLog, stderrSink } from "#lib/log.ts";
import { readConfig } from "./config.ts";
import { validateRedirect } from "./validate.ts";

/** What Linkerd's validator ends with, and what repairing looks for. */
const unsuccessful = 95;

/** `linkerd network-validator FLAGS`: 0 when the pod's traffic is redirected, 95 when it is not, 1 for bad flags. */
export async function main(argv: readonly string[]): Promise<number> {
  let config;
  try {
    config = readConfig(argv);
  } catch (thrown) {
    process.stderr.write(`linkerd network-validator: ${errorChain(thrown)}\n`);
    return 1;
  }
  if (config === null) return 0;
  const log = createLog(stderrSink(config.logLevel, config.logFormat), "linkerd::network_validator");
  try {
    await validateRedirect({ ...config, clock: systemClock, log });
    return 0;
  } catch (thrown) {
    // Without a logger's decoration: the end of this output becomes the pod's termination message.
    process.stderr.write(`linkerd network-validator: ${errorChain(thrown)}\n`);
    return unsuccessful;
  }
}
