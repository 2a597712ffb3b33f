/** Values that users give as files and `--set` flags, in the order in which they win. */
import type { Command } from "commander";
import { readFileSync } from "node:fs";
import { MeshError } from "#lib/errors.ts";
import type { Json } from "#manifests/json.ts";
import { parseYaml } from "#manifests/yaml.ts";
import { parseSet, setFileLayer } from "#manifests/values/set.ts";

export interface ValuesOptions {
  readonly values?: readonly string[];
  readonly set?: readonly string[];
  readonly setString?: readonly string[];
  readonly setFile?: readonly string[];
}

const collect = (value: string, all: readonly string[] = []): string[] => [...all, value];

export function addValuesOptions(command: Command): Command {
  return command
    .option("-f, --values <file>", "values file, repeatable; later ones win", collect)
    .option("--set <path=value>", "a value, repeatable, e.g. proxy.logLevel=debug", collect)
    .option("--set-string <path=value>", "as --set, but always text", collect)
    .option("--set-file <path=file>", "as --set, with the content of a file", collect);
}

/** Layers of the options, lowest first: files, then --set, --set-string, --set-file. */
export function valuesLayers(options: ValuesOptions): Json[] {
  const layers: Json[] = [];
  for (const path of options.values ?? []) layers.push(...parseYaml(readText(path), path));
  for (const argument of options.set ?? []) layers.push(parseSet(argument));
  for (const argument of options.setString ?? []) layers.push(parseSet(argument, { asText: true }));
  for (const argument of options.setFile ?? []) {
    const equals = argument.indexOf("=");
    if (equals < 1)
      throw new MeshError("invalid-argument", `Flag --set-file has the value "${argument}"; write path=file`);
    layers.push(setFileLayer(argument.slice(0, equals), readText(argument.slice(equals + 1))));
  }
  return layers;
}

/** A file's text. Throws "not-found" or "permission-denied" with its path. */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code === "ENOENT") throw new MeshError("not-found", `There is no file "${path}"`, { cause: undefined });
    if (code === "EISDIR") throw new MeshError("invalid-argument", `"${path}" is a directory, not a file`);
    if (code === "EACCES") throw new MeshError("permission-denied", `The file "${path}" may not be read`);
    throw new MeshError("environment", `Could not read the file "${path}"`, { cause: error });
  }
}
