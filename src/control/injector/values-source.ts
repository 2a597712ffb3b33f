/** The installation's settings as the injector needs them: ConfigMap `linkerd-config` and the anchors, mounted as files and followed. */
import { readFileSync } from "node:fs";
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { Log } from "#lib/log.ts";
import { type ReadonlyWatchable, Watchable } from "#lib/watchable.ts";
import { readConfig, type Values } from "#manifests/values.ts";
import { parseYaml } from "#manifests/yaml.ts";

export interface ValuesFiles {
  /** Key `values` of ConfigMap `linkerd-config`. */
  readonly valuesFile: string;
  /** Key `ca-bundle.crt` of ConfigMap `linkerd-identity-trust-roots`. */
  readonly anchorsFile: string;
}

export interface WatchValuesOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly signal?: AbortSignal;
  /** For tests. Default: the file system. */
  readonly read?: (path: string) => string;
  /** Time between looks at the files, ms; default 5 s. */
  readonly interval?: number;
}

/** Throws when there is nothing usable at the start; later a change that can't be used keeps the last values. */
export function watchValues(files: ValuesFiles, options: WatchValuesOptions): ReadonlyWatchable<Values> {
  const { clock, log, signal, interval = 5000 } = options;
  const read = options.read ?? ((path: string) => readFileSync(path, "utf8"));
  const texts = (): readonly [string, string] => {
    try {
      return [read(files.valuesFile), read(files.anchorsFile)];
    } catch (error) {
      throw new MeshError("environment", "Failed to read the mesh's configuration", { cause: error });
    }
  };
  let seen = texts();
  let failed = "";
  const values = new Watchable(parse(seen, files));
  const look = (): void => {
    if (signal?.aborted === true) return;
    clock.after(interval, look);
    try {
      const next = texts();
      if (next[0] === seen[0] && next[1] === seen[1]) return;
      seen = next;
      values.set(parse(next, files));
      failed = "";
      log.info("Took over a new configuration");
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== failed) log.error("The new configuration can't be used, keeping the last one", {}, error);
      failed = message;
    }
  };
  clock.after(interval, look);
  return values;
}

function parse([valuesText, anchors]: readonly [string, string], { valuesFile }: ValuesFiles): Values {
  const [layer] = parseYaml(valuesText, valuesFile);
  if (layer === undefined) throw new MeshError("invalid-argument", `"${valuesFile}" is empty`);
  const values = readConfig(layer);
  values.identityTrustAnchorsPEM = anchors;
  return values;
}
