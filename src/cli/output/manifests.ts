/** Manifests for a pipe to kubectl. */
import type { JsonObject } from "#manifests/json.ts";
import { toYaml } from "#manifests/yaml.ts";
import type { Context } from "../globals.ts";
import { oneOf } from "../shell.ts";

/** `format` is what -o says. JSON is one document after the other, as kubectl reads it. */
export function printManifests(context: Context, manifests: readonly JsonObject[], format: string): void {
  if (oneOf("--output", format, ["yaml", "json"]) === "yaml") context.terminal.out(toYaml(manifests));
  else context.terminal.out(manifests.map((manifest) => `${JSON.stringify(manifest, null, 2)}\n`).join(""));
}
