import { basename, dirname } from "node:path";
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { type ReadonlyWatchable, Watchable } from "#lib/watchable.ts";
import { readMounted } from "./mounted-files.ts";
import type { KeyPair } from "./webhook.ts";

/** ms between looks at the files. The kubelet itself needs up to a minute to bring a changed Secret. */
const lookEvery = 10_000;

/** The files of a mounted Secret of type kubernetes.io/tls. */
export function tlsFilesIn(directory: string): KeyPairFiles {
  return { cert: `${directory}/tls.crt`, key: `${directory}/tls.key` };
}

export interface KeyPairFiles {
  readonly cert: string;
  readonly key: string;
}

/**
 * A certificate and its key, followed as their files change. Throws "environment" when they are not there at the start;
 * later a failed reading keeps the last pair.
 */
export function watchKeyPairFiles(
  files: KeyPairFiles,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Log; readonly signal?: AbortSignal },
): ReadonlyWatchable<KeyPair> {
  const pair = new Watchable(read(files));
  const look = (): void => {
    if (signal?.aborted === true) return;
    try {
      const next = read(files);
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

function read({ cert, key }: KeyPairFiles): KeyPair {
  const [directory, certName, keyName] = [dirname(cert), basename(cert), basename(key)];
  try {
    if (dirname(key) !== directory) {
      return {
        certPem: readMounted(directory, [certName])[certName] ?? "",
        keyPem: readMounted(dirname(key), [keyName])[keyName] ?? "",
      };
    }
    const texts = readMounted(directory, [certName, keyName]);
    return { certPem: texts[certName] ?? "", keyPem: texts[keyName] ?? "" };
  } catch (thrown) {
    throw new MeshError("environment", `Failed to read the certificate and key in "${directory}"`, { cause: thrown });
  }
}
