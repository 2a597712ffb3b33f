/**
 * Files of a mounted Secret or ConfigMap. The kubelet puts all files of a new version into a directory of its own and then
 * turns the link `..data` to it, so that several files belong together only when they are read through the same target:
 * https://kubernetes.io/docs/concepts/configuration/secret/#mounted-secrets-are-updated-automatically
 */
import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { MeshError } from "#lib/errors.ts";

/** The files' texts, of one version. Throws "environment" naming the directory. */
export function readMounted<N extends string>(directory: string, names: readonly N[]): Record<N, string> {
  try {
    const from = versionOf(directory);
    const texts = names.map((name) => [name, readFileSync(join(from, name), "utf8")] as const);
    return Object.fromEntries(texts) as Record<N, string>;
  } catch (thrown) {
    const list = names.map((name) => `"${name}"`).join(" and ");
    throw new MeshError("environment", `Failed to read ${list} in "${directory}"`, { cause: thrown });
  }
}

/** The directory of the current version; the directory itself where no kubelet made it. */
function versionOf(directory: string): string {
  try {
    return realpathSync(join(directory, "..data"));
  } catch {
    return directory;
  }
}
