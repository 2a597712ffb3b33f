/** Helm's `--set` language: `a.b=c,d[1].e={x,y}` with `\` before a comma, dot, equals sign or bracket that is meant literally. */
import { MeshError } from "#lib/errors.ts";
import { assertMemberName, isJsonObject, type Json, type JsonObject } from "../json.ts";

/** Longest list that an index may create; a typo such as `a[900000000]` must not fill the memory. */
const maxIndex = 1000;

export interface SetOptions {
  /** True for `--set-string`: values stay text, also "true" and "1". */
  readonly asText?: boolean;
}

/** Reads one argument of `--set` into the object that it describes. */
export function parseSet(argument: string, options: SetOptions = {}): JsonObject {
  const result: JsonObject = {};
  let rest = argument;
  while (rest !== "") {
    const equals = findUnescaped(rest, "=");
    if (equals < 0) throw invalid(argument, `"${rest}" has no "="`);
    const path = parsePath(rest.slice(0, equals), argument);
    rest = rest.slice(equals + 1);
    let value: Json;
    if (rest.startsWith("{")) {
      const end = findUnescaped(rest, "}");
      if (end < 0) throw invalid(argument, `a "{" is never closed`);
      const inside = rest.slice(1, end);
      value = inside === "" ? [] : splitUnescaped(inside, ",").map((part) => scalar(part, options));
      rest = rest.slice(end + 1).replace(/^,/, "");
    } else {
      const comma = findUnescaped(rest, ",");
      value = scalar(comma < 0 ? rest : rest.slice(0, comma), options);
      rest = comma < 0 ? "" : rest.slice(comma + 1);
    }
    assign(result, path, value);
  }
  return result;
}

/** Reads `--set-file path=file`: the file's text becomes the value. */
export function setFileLayer(path: string, content: string): JsonObject {
  const result: JsonObject = {};
  assign(result, parsePath(path, path), content);
  return result;
}

function invalid(argument: string, why: string): MeshError {
  return new MeshError("invalid-argument", `Could not read the setting "${argument}": ${why}`);
}

function scalar(raw: string, options: SetOptions): Json {
  const value = raw.replace(/\\(.)/g, "$1");
  if (options.asText === true) return value;
  if (value === "true" || value === "false") return value === "true";
  if (value === "null") return null;
  if (/^(0|-?[1-9]\d{0,14})$/.test(value)) return Number(value);
  return value;
}

function findUnescaped(text: string, wanted: string): number {
  for (let index = 0; index < text.length; index++) {
    if (text[index] === "\\") index++;
    else if (text[index] === wanted) return index;
  }
  return -1;
}

function splitUnescaped(text: string, separator: string): string[] {
  const parts: string[] = [];
  let rest = text;
  for (let at = findUnescaped(rest, separator); at >= 0; at = findUnescaped(rest, separator)) {
    parts.push(rest.slice(0, at));
    rest = rest.slice(at + 1);
  }
  return [...parts, rest];
}

function parsePath(text: string, argument: string): Array<string | number> {
  const path: Array<string | number> = [];
  for (const part of splitUnescaped(text, ".")) {
    const match = /^((?:\\.|[^\\[\]])*)((?:\[\d+\])*)$/.exec(part);
    if (match === null || (match[1] === "" && (match[2] === "" || path.length > 0))) {
      throw invalid(argument, `"${part}" is not a name`);
    }
    const name = (match[1] ?? "").replace(/\\(.)/g, "$1");
    assertMemberName(name);
    if (name !== "") path.push(name);
    for (const [, index] of (match[2] ?? "").matchAll(/\[(\d+)\]/g)) {
      if (Number(index) > maxIndex) throw invalid(argument, `an index above ${maxIndex} is not allowed`);
      path.push(Number(index));
    }
  }
  return path;
}

function assign(target: JsonObject, path: ReadonlyArray<string | number>, value: Json): void {
  let at: JsonObject | Json[] = target;
  for (const [depth, step] of path.entries()) {
    const last = depth === path.length - 1;
    const next: Json = last ? value : typeof path[depth + 1] === "number" ? [] : {};
    let found: Json | undefined;
    if (Array.isArray(at)) {
      while (at.length <= Number(step)) at.push(null);
      found = at[Number(step)];
      if (last || !isContainer(found)) at[Number(step)] = found = next;
    } else {
      found = at[step];
      if (last || !isContainer(found)) at[step] = found = next;
    }
    if (isContainer(found)) at = found;
  }
}

function isContainer(value: Json | undefined): value is JsonObject | Json[] {
  return Array.isArray(value) || isJsonObject(value);
}
