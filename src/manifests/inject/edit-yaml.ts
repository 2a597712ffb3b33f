/**
 * Edits objects in YAML text by JSON patches, so that comments, order and quoting of everything else stay as they are.
 * A document that no patch touches comes out byte by byte as it came in.
 */
import { applyPatch, type Operation } from "fast-json-patch";
import { isMap, isSeq, visit, type Document, type ParsedNode } from "yaml";
import { MeshError } from "#lib/errors.ts";
import { compact, isJsonObject, type Json, type JsonObject } from "../json.ts";
import { documentValue, parseYamlDocuments, yamlPrinting } from "../yaml.ts";
import type { PatchOp } from "./pod.ts";

/** Calls `edit` for each object of the text, also for those inside a `kind: List`, and applies the patches that it answers. */
export function editYaml(text: string, source: string, edit: (object: JsonObject) => readonly PatchOp[]): string {
  const chunks = splitStream(text);
  let line = 0;
  return chunks
    .map((chunk) => {
      const result = editChunk(chunk, source, line, edit);
      line += chunk.split("\n").length - 1;
      return result;
    })
    .join("");
}

/** The documents' texts, each with its own `---` line. Such a line can't be inside a document (YAML 1.2 §9.1.2). */
function splitStream(text: string): string[] {
  const chunks: string[] = [];
  let start = 0;
  for (const match of text.matchAll(/^---(?=\s|$)/gm)) {
    const head = text.slice(start, match.index);
    // Directives belong to the document behind the line.
    if (match.index === start || /^%/m.test(head)) continue;
    chunks.push(head);
    start = match.index;
  }
  chunks.push(text.slice(start));
  return chunks;
}

/** The object of a JSON document, or null when the text is not JSON. */
function parseJson(chunk: string): JsonObject | null {
  if (!chunk.trimStart().startsWith("{")) return null;
  try {
    const value: unknown = JSON.parse(chunk);
    return isJsonObject(value) ? value : null;
  } catch {
    // Not JSON: flow style of YAML looks much the same.
    return null;
  }
}

/** JSON stays JSON: readers that saw a "{" first would not understand anything else. */
function editJson(chunk: string, value: JsonObject, edit: (object: JsonObject) => readonly PatchOp[]): string {
  const edits = editsOf(value, edit);
  if (edits.length === 0) return chunk;
  for (const { base, patch } of edits) {
    const prefix = base.map((member) => `/${member}`).join("");
    const steps = patch.map((step) => ({ ...step, path: prefix + step.path }));
    applyPatch(value, compact(steps as unknown as Json) as unknown as Operation[]);
  }
  return `${JSON.stringify(value, null, 2)}\n`;
}

interface ObjectEdit {
  /** Members from the document to the object. */
  readonly base: ReadonlyArray<string | number>;
  readonly patch: readonly PatchOp[];
}

/** The edits that change something, of the object or of the items of a list. */
function editsOf(value: JsonObject, edit: (object: JsonObject) => readonly PatchOp[]): ObjectEdit[] {
  const items = value["kind"] === "List" && Array.isArray(value["items"]) ? value["items"] : null;
  const edits: ObjectEdit[] =
    items === null
      ? [{ base: [], patch: edit(value) }]
      : items.map((item, index) => ({ base: ["items", index], patch: isJsonObject(item) ? edit(item) : [] }));
  return edits.filter(({ patch }) => patch.length > 0);
}

function editChunk(
  chunk: string,
  source: string,
  line: number,
  edit: (object: JsonObject) => readonly PatchOp[],
): string {
  const json = parseJson(chunk);
  if (json !== null) return editJson(chunk, json, edit);
  const documents = parseYamlDocuments(chunk, source, line);
  const [document] = documents;
  if (document === undefined) return chunk;
  if (documents.length > 1)
    throw new MeshError("invalid-argument", `Could not use ${source}: "..." ends a document early`);
  const value = documentValue(document);
  if (value === null) return chunk;
  if (!isJsonObject(value))
    throw new MeshError("invalid-argument", `Could not use ${source}: a document is not an object`);
  const edits = editsOf(value, edit);
  if (edits.length === 0) return chunk;
  expandAliases(document);
  for (const { base, patch } of edits) applyToDocument(document, patch, base);
  // Kubernetes lists are written with or without an indent; keep to what the document does.
  const indentSeq = !/^( *)[\w./-]+:[ \t]*\r?\n\1- /m.test(chunk);
  const head = chunk.startsWith("---") && document.directives?.docStart !== true ? "---\n" : "";
  const flowCollectionPadding = /[[{] /.test(chunk);
  return head + document.toString({ ...yamlPrinting, indentSeq, flowCollectionPadding });
}

/** An edit under an anchor would change the places of its aliases too, so that aliases are written out first. */
function expandAliases(document: Document.Parsed<ParsedNode>): void {
  let found = false;
  visit(document, {
    Alias() {
      found = true;
      return visit.BREAK;
    },
  });
  if (!found) return;
  const value = documentValue(document);
  document.contents = document.createNode(value, { aliasDuplicateObjects: false }) as ParsedNode;
}

function applyToDocument(
  document: Document.Parsed<ParsedNode>,
  patch: readonly PatchOp[],
  base: ReadonlyArray<string | number>,
): void {
  for (const step of patch) {
    const path = [...base, ...members(step.path)];
    const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
    const last = path.at(-1) ?? "";
    const node = (): ParsedNode =>
      document.createNode("value" in step ? compact(step.value) : null, { aliasDuplicateObjects: false }) as ParsedNode;
    if (isSeq(parent)) {
      const index = last === "-" ? parent.items.length : Number(last);
      if (step.op === "remove") parent.items.splice(index, 1);
      else if (step.op === "replace") parent.items.splice(index, 1, node());
      else parent.items.splice(index, 0, node());
    } else if (isMap(parent)) {
      if (step.op === "remove") parent.delete(last);
      else parent.set(last, node());
    } else {
      throw new MeshError("internal", `The patch path "${step.path}" leads nowhere`);
    }
    // A collection written as `[]` or `{}` would else keep everything that is put into it on one line.
    if (step.op === "add") parent.flow = false;
  }
}

function members(path: string): string[] {
  return path
    .split("/")
    .slice(1)
    .map((member) => member.replaceAll("~1", "/").replaceAll("~0", "~"));
}
