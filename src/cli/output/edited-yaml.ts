/** Edited manifests of several inputs as one stream. */
import { MeshError } from "#lib/errors.ts";
import { parseYaml } from "#manifests/yaml.ts";

/** `format` is what -o says; YAML stays as it is, text for text. */
export function manifestStream(texts: readonly string[], format: string): string {
  if (format === "json") {
    const objects = texts.flatMap((text) => parseYaml(text, "the output"));
    return objects.map((object) => `${JSON.stringify(object, null, 2)}\n`).join("");
  }
  if (format !== "yaml") {
    throw new MeshError("invalid-argument", `Flag --output has the value "${format}"; use yaml or json`);
  }
  return texts
    .map((text, at) => {
      const ended = text.endsWith("\n") || text === "" ? text : `${text}\n`;
      return at === 0 || /^(---|%)/.test(text) ? ended : `---\n${ended}`;
    })
    .join("");
}
