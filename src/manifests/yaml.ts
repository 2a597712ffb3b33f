/**
 * YAML as Kubernetes reads it. Kubernetes parses YAML 1.1 (`yes` is a boolean, `012` is octal), so we read by the same
 * rules and print text that a 1.1 or a 1.2 reader would take for something else in quotes.
 */
import { parseAllDocuments, stringify, type Document, type ParsedNode } from "yaml";
import { MeshError } from "#lib/errors.ts";
import { compact, isJsonObject, type Json, type JsonObject } from "./json.ts";

/** Settings for both directions. `compat` makes the printer quote what YAML 1.2 readers would misread, too. */
export const yamlRules = { version: "1.1", compat: "core", merge: true } as const;

/** How we print: no line folding, no anchors, block style. */
export const yamlPrinting = { lineWidth: 0, aliasDuplicateObjects: false, indentSeq: false } as const;

/** Aliases that one document may expand to: more is taken for an attack ("billion laughs"). */
const maxAliases = 100;

/** The objects as one YAML stream: a `---` line before each, members in the order in which they were made. */
export function toYaml(objects: readonly JsonObject[]): string {
  return objects
    .map((object) => `---\n${stringify(compact(object), { ...yamlRules, ...yamlPrinting, version: "1.1" })}`)
    .join("");
}

/**
 * The documents of a stream with comments and order kept, for editing. Throws with line and column at a syntax error;
 * `linesBefore` is how many lines of the source come before the text.
 */
export function parseYamlDocuments(text: string, source: string, linesBefore = 0): Document.Parsed<ParsedNode>[] {
  const documents = parseAllDocuments(text, { ...yamlRules, prettyErrors: true });
  const list = Array.isArray(documents) ? documents : [];
  for (const document of list) {
    const [error] = document.errors;
    if (error !== undefined) {
      const at = error.linePos?.[0];
      const where = at === undefined ? source : `${source}:${at.line + linesBefore}:${at.col}`;
      throw new MeshError("invalid-argument", `Could not read YAML of ${where}: ${firstLine(error.message)}`);
    }
  }
  return list;
}

/** The plain value of a document. */
export function documentValue(document: Document.Parsed<ParsedNode>): Json {
  const value: unknown = document.toJS({ maxAliasCount: maxAliases });
  return value as Json;
}

/** The objects of a YAML or JSON stream; empty documents are skipped. */
export function parseYaml(text: string, source: string): JsonObject[] {
  const objects: JsonObject[] = [];
  for (const document of parseYamlDocuments(text, source)) {
    const value = documentValue(document);
    if (value === null) continue;
    if (!isJsonObject(value)) {
      throw new MeshError("invalid-argument", `Could not use ${source}: a document is not an object`);
    }
    objects.push(value);
  }
  return objects;
}

function firstLine(message: string): string {
  return (message.split("\n")[0] ?? message).replace(/ at line \d+, column \d+:?$/, "");
}

/** One object as YAML text without a `---` line: for files inside ConfigMaps. */
export function yamlOf(object: JsonObject): string {
  return stringify(compact(object), { ...yamlRules, ...yamlPrinting, version: "1.1" });
}
