/**
 * Kubernetes' JSONPath templates (https://kubernetes.io/docs/reference/kubectl/jsonpath/), as far as one value needs them:
 * text, `{.a.b}`, `{['a']}`, `[0]`, `[-1]`, `[*]`, `{"text"}`. Pure. What is missing prints as nothing.
 */
import { MeshError } from "#lib/errors.ts";

type Step = { readonly key: string } | { readonly index: number } | { readonly all: true };
type Part = { readonly text: string } | { readonly steps: readonly Step[] };

/** A function that prints a value by the template. Throws "invalid-argument" naming what it can't read. */
export function compileJsonPath(template: string): (value: unknown) => string {
  const whole = template.includes("{") ? template : `{${template}}`;
  const parts: Part[] = [];
  for (let at = 0; at < whole.length;) {
    const open = whole.indexOf("{", at);
    if (open < 0) {
      parts.push({ text: whole.slice(at) });
      break;
    }
    if (open > at) parts.push({ text: whole.slice(at, open) });
    const end = closing(whole, open);
    parts.push(expression(whole.slice(open + 1, end).trim(), template));
    at = end + 1;
  }
  return (value) => parts.map((part) => ("text" in part ? part.text : found(value, part.steps))).join("");
}

/** Where the brace that opens at `open` closes; braces in quotes don't count. */
function closing(template: string, open: number): number {
  let quote = "";
  for (let at = open + 1; at < template.length; at++) {
    const character = template[at] ?? "";
    if (quote !== "") {
      if (character === "\\") at++;
      else if (character === quote) quote = "";
    } else if (character === "'" || character === '"') quote = character;
    else if (character === "}") return at;
  }
  throw invalid(template, "a brace is not closed");
}

function expression(text: string, template: string): Part {
  const literal = /^"((?:[^"\\]|\\.)*)"$/.exec(text);
  if (literal !== null) return { text: unescape(literal[1] ?? "") };
  const steps: Step[] = [];
  let rest = text.replace(/^[$@]/, "");
  const pattern =
    /^(?:\.?\[\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(-?\d+)|(\*))\s*\]|\.(\*)|\.((?:[^.[\]{}\\'"\s]|\\.)+))/;
  while (rest !== "" && rest !== ".") {
    const match = pattern.exec(rest);
    if (match === null) throw invalid(template, `"${rest}" can't be read`);
    rest = rest.slice(match[0].length);
    const [, single, double, index, star, dotStar, name] = match;
    if (star !== undefined || dotStar !== undefined) steps.push({ all: true });
    else if (index !== undefined) steps.push({ index: Number(index) });
    else steps.push({ key: unescape(single ?? double ?? name ?? "") });
  }
  return { steps };
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

function unescape(text: string): string {
  return text.replaceAll(/\\(.)/gs, (_whole, character: string) => escapes[character] ?? character);
}

function invalid(template: string, why: string): MeshError {
  return new MeshError("invalid-argument", `JSONPath "${template}" is not valid: ${why}`);
}

function found(value: unknown, steps: readonly Step[]): string {
  let values: unknown[] = [value];
  for (const step of steps) values = values.flatMap((one) => taken(one, step));
  return values.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join(" ");
}

function taken(value: unknown, step: Step): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  if ("all" in step) return Object.values(value);
  if ("index" in step) {
    const item: unknown = Array.isArray(value) ? value.at(step.index) : undefined;
    return item === undefined ? [] : [item];
  }
  return Object.hasOwn(value, step.key) ? [(value as Readonly<Record<string, unknown>>)[step.key]] : [];
}
