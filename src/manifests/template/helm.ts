/**
 * A tree as the text of a Helm template. Scalars are printed by `toJson`, so that no value can break out of its place;
 * lists and maps of the user's by `toYaml`.
 *
 * Refused, because YAML would read it as null where the plain rendering has an empty object or list: an object or list all
 * of whose parts have conditions, unless `unlessBare` made it; and an object in a list whose first member has one.
 */
import { stringify } from "yaml";
import type { Json } from "../json.ts";
import { yamlPrinting, yamlRules } from "../yaml.ts";
import {
  Block,
  Demand,
  Each,
  goText,
  orEmpty,
  Spread,
  Symbolic,
  When,
  type Tree,
  type TreeObject,
} from "./expression.ts";

/** A named template that stops the rendering when one of the demands isn't met. */
export function helmRules(name: string, demands: readonly Demand[]): string {
  const lines = demands.flatMap(({ condition, message }) => [
    `{{- if not ${condition.go} }}`,
    `{{- fail ${goText(message)} }}`,
    "{{- end }}",
  ]);
  return [`{{- define ${goText(name)} -}}`, ...lines, "{{- end }}", ""].join("\n");
}

/** The objects as one template file, named templates first. Demands are not for here: see {@link helmRules}. */
export function helmTemplate(objects: readonly Tree[], header: string, rules?: string): string {
  const blocks = new Map<string, Tree>();
  collectBlocks(objects, blocks);
  const lines = [`{{- /* ${header} */ -}}`];
  for (const [name, item] of blocks) {
    lines.push(`{{- define ${goText(name)} -}}`, ...itemLines(item, ""), "{{- end }}");
  }
  if (rules !== undefined) lines.push(`{{- include ${goText(rules)} $ }}`);
  const present = objects.filter((object) => object !== undefined && !(object instanceof Demand));
  lines.push(
    ...printRuns(
      present,
      (object) => object,
      "",
      (_, object) => documentLines(object),
    ),
  );
  return `${lines.join("\n")}\n`;
}

function collectBlocks(tree: Tree, into: Map<string, Tree>): void {
  if (tree instanceof Block) into.set(tree.name, tree.item);
  if (tree instanceof Block || tree instanceof Each) collectBlocks(tree.item, into);
  else if (tree instanceof When) [tree.yes, tree.no].forEach((part) => collectBlocks(part, into));
  else if (Array.isArray(tree)) tree.forEach((item: Tree) => collectBlocks(item, into));
  else if (isObject(tree)) Object.values(tree).forEach((member) => collectBlocks(member, into));
}

function documentLines(object: Tree): string[] {
  if (object === undefined) return [];
  if (object instanceof When) return conditional(object, (part) => documentLines(part));
  if (!isObject(object)) throw new Error("A document is not an object");
  return ["---", ...objectLines(object, "")];
}

/** Neighbours under one condition as one part under it. */
type Run<T> = { readonly condition: Symbolic<boolean> | null; readonly parts: T[] };

function runs<T>(parts: readonly T[], tree: (part: T) => Tree): Run<T>[] {
  const result: Run<T>[] = [];
  for (const part of parts) {
    const node = tree(part);
    const condition = node instanceof When && node.no === undefined ? node.condition : null;
    const last = result.at(-1);
    if (condition !== null && last?.condition?.go === condition.go) last.parts.push(part);
    else result.push({ condition, parts: [part] });
  }
  return result;
}

function printRuns<T>(
  parts: readonly T[],
  tree: (part: T) => Tree,
  indent: string,
  print: (part: T, inner: Tree, guarded: boolean) => string[],
): string[] {
  return runs(parts, tree).flatMap(({ condition, parts: run }) => {
    if (condition === null) return run.flatMap((part) => print(part, tree(part), false));
    const lines = run.flatMap((part) => {
      const node = tree(part) as When;
      return print(part, node.yes, node.guarded);
    });
    return [`${indent}{{- if ${bare(condition.go)} }}`, ...lines, `${indent}{{- end }}`];
  });
}

function conditional({ condition, yes, no }: When, print: (part: Tree) => string[], indent = ""): string[] {
  const lines = [`${indent}{{- if ${bare(condition.go)} }}`, ...print(yes)];
  if (no !== undefined) lines.push(`${indent}{{- else }}`, ...print(no));
  return [...lines, `${indent}{{- end }}`];
}

/** The outer parentheses are noise where nothing follows. */
const bare = (go: string): string => (go.startsWith("(") && closes(go) === go.length - 1 ? go.slice(1, -1) : go);

/** Where the parenthesis at the start is closed. Literals hold no unbalanced ones in conditions. */
function closes(go: string): number {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < go.length; at++) {
    const character = go[at];
    if (quoted) {
      if (character === "\\") at++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === "(") depth++;
    else if (character === ")" && --depth === 0) return at;
  }
  return -1;
}

function objectLines(object: TreeObject, indent: string, guarded = false): string[] {
  const members = Object.entries(object).filter(([, member]) => member !== undefined);
  if (!guarded && members.every(([, member]) => member instanceof When && member.no === undefined)) {
    throw new Error(`All members of an object have conditions: ${members.map(([name]) => name).join(", ")}`);
  }
  return printRuns(
    members,
    ([, member]) => member,
    indent,
    ([name], member, sure) => memberLines(name, member, indent, sure),
  );
}

function memberLines(name: string, member: Tree, indent: string, guarded = false): string[] {
  if (member instanceof When) {
    return conditional(member, (part) => memberLines(name, part, indent, member.guarded), indent);
  }
  return valueLines(`${indent}${key(name)}:`, member, indent, guarded);
}

/** `head` with the value behind it, or below it. */
function valueLines(head: string, value: Tree, indent: string, guarded: boolean): string[] {
  if (value instanceof Symbolic) return [`${head} ${printed(value, indent)}`];
  if (Array.isArray(value)) {
    const list = (value as readonly Tree[]).filter((item) => item !== undefined);
    if (list.length === 0) return [`${head} []`];
    if (list.every((item) => item instanceof When || item instanceof Spread)) {
      throw new Error(`All items of the list "${head.trim()}" have conditions`);
    }
    return [
      head,
      ...printRuns(
        list,
        (item) => item,
        indent,
        (_, item) => itemLines(item, indent),
      ),
    ];
  }
  if (isObject(value)) {
    if (Object.values(value).every((member) => member === undefined)) return [`${head} {}`];
    return [head, ...objectLines(value, `${indent}  `, guarded)];
  }
  return [`${head} ${scalar(value as string | number | boolean | null)}`];
}

function itemLines(item: Tree, indent: string): string[] {
  if (item instanceof When) return conditional(item, (part) => itemLines(part, indent), indent);
  if (item instanceof Block) {
    return [`${indent}{{- include ${goText(item.name)} $ | nindent ${indent.length} }}`];
  }
  if (item instanceof Spread) {
    return [
      `${indent}{{- with ${bare(item.list.go)} }}`,
      `${indent}{{- toYaml . | nindent ${indent.length} }}`,
      `${indent}{{- end }}`,
    ];
  }
  if (item instanceof Each) {
    return [
      `${indent}{{- range $${item.variable} := ${bare(item.list.go)} }}`,
      ...itemLines(item.item, indent),
      `${indent}{{- end }}`,
    ];
  }
  if (isObject(item)) {
    const [first = "", ...rest] = objectLines(item, `${indent}  `);
    if (first.trimStart().startsWith("{{")) throw new Error(`The first member of an item has a condition: ${first}`);
    return [`${indent}- ${first.trimStart()}`, ...rest];
  }
  if (item instanceof Symbolic) return [`${indent}- ${printed(item, indent)}`];
  return [`${indent}- ${scalar(item as string | number | boolean | null)}`];
}

function printed(value: Symbolic<unknown>, indent: string): string {
  return value.kind === "json"
    ? `{{- toYaml ${orEmpty(value as Symbolic<Json>, "dict")} | nindent ${indent.length + 2} }}`
    : `{{ toJson ${value.go} }}`;
}

const key = (name: string): string => (/^[A-Za-z][\w./-]*$/.test(name) ? name : JSON.stringify(name));

function scalar(value: string | number | boolean | null): string {
  const text = stringify(value, {
    ...yamlRules,
    ...yamlPrinting,
    version: "1.1",
    defaultStringType: "PLAIN",
    blockQuote: false,
  }).trimEnd();
  if (text.includes("{{") || text.includes("\n"))
    throw new Error(`The text ${JSON.stringify(value)} can't stand in a template`);
  return text;
}

function isObject(tree: Tree): tree is TreeObject {
  return (
    typeof tree === "object" &&
    tree !== null &&
    !Array.isArray(tree) &&
    !(
      tree instanceof Symbolic ||
      tree instanceof When ||
      tree instanceof Spread ||
      tree instanceof Each ||
      tree instanceof Block ||
      tree instanceof Demand
    )
  );
}
