import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { type ReadonlyWatchable, Watchable } from "#lib/watchable.ts";
import type { KeyPair } from "./webhook.ts";

/** ms between looks at the files. The kubelet itself needs up to a minute to bring a changed Secret. */
const lookEvery = 10_000;

/**
 * The certificate and key of a mounted Secret of type kubernetes.io/tls, followed as the Secret changes. Throws
 * "environment" when they are not there at the start; later a failed reading keeps the last pair.
 */
export function watchKeyPairFiles(
  directory: string,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Log; readonly signal?: AbortSignal },
  names: { readonly cert: string; readonly key: string } = { cert: "tls.crt", key: "tls.key" },
): ReadonlyWatchable<KeyPair> {
  const read = (): KeyPair => {
    try {
      return {
        certPem: readFileSync(join(directory, names.cert), "utf8"),
        keyPem: readFileSync(join(directory, names.key), "utf8"),
      };
    } catch (thrown) {
      throw new MeshError("environment", `Failed to read the certificate and key in "${directory}"`, { cause: thrown });
    }
  };
  const pair = new Watchable(read());
  const look = (): void => {
    if (signal?.aborted === true) return;
    try {
      const next = read();
      const current = pair.get();
      if (next.certPem !== current.certPem || next.keyPem !== current.keyPem) pair.set(next);
    } catch (thrown) {
      log.warn("Reading the certificate again failed, keeping the last one", {}, thrown);
    }
    clock.after(lookEvery, look);
  };
  clock.after(lookEvery, look);
  return pair;
}
