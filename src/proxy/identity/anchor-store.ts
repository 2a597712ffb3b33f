/**
 * The newest trust anchors in the identity directory, for a container that restarts after its pod's settings have become
 * old. The directory holds the private key as well: whoever can write there has our identity already.
 */
import { asMeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { readSmallFile, replaceSmallFile } from "#lib/small-files.ts";
import { parseTrustBundle, type TrustBundle } from "./trust-bundle.ts";

export interface AnchorStore {
  /** What was written last; null when there is nothing that can be used at `wall` (ms since 1970). */
  read(wall: number): TrustBundle | null;
  write(bundle: TrustBundle): void;
}

const file = "trust-anchors.pem";

/**
 * `configuredPem`: the anchors of the settings. A file that was learned under other settings is older than these (a
 * machine was set up anew), so it does not count.
 */
export function openAnchorStore(dir: string, configuredPem: string, log: Log): AnchorStore {
  const path = `${dir}/${file}`;
  const head = `# Learned by a workload that was started with anchors ${new Bun.CryptoHasher("sha256").update(configuredPem).digest("hex")}\n`;
  return {
    read(wall) {
      let text: string;
      try {
        text = Buffer.from(readSmallFile(path, 16_384)).toString("latin1");
      } catch (thrown) {
        const code: unknown = thrown instanceof Error ? Reflect.get(thrown, "code") : undefined;
        if (code !== "ENOENT") log.info("The learned trust anchors can't be read", { path, code: String(code) });
        return null;
      }
      if (!text.startsWith(head)) {
        log.info("The settings have other trust anchors than before, what was learned is left aside", { path });
        return null;
      }
      try {
        return parseTrustBundle(text, wall);
      } catch (thrown) {
        log.warn("The learned trust anchors can't be used", { path }, asMeshError(thrown, "Reading trust anchors"));
        return null;
      }
    },
    write(bundle) {
      try {
        replaceSmallFile(path, Buffer.from(head + bundle.pem, "latin1"));
      } catch (thrown) {
        const code: unknown = thrown instanceof Error ? Reflect.get(thrown, "code") : undefined;
        // A read-only directory is a way to run: a restart then begins with the settings again.
        log.info("The learned trust anchors can't be kept", { path, code: String(code) });
      }
    },
  };
}
