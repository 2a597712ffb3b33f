/**
 * Values that may not be known yet. The renderers of `install/` are written once and run twice: with the values of an
 * installation they answer plain objects (`linkerd install`), with a {@link Symbolic} in the place of each value they
 * answer trees that `helm.ts` prints as the templates of the chart.
 *
 * Every operation has two meanings, one per run: on plain values JavaScript's, on symbolic ones a call of a function that
 * Helm's templates have. With plain values everything folds at once, so there is no interpreter. What plain JavaScript
 * would do with a symbol by mistake (concatenation, JSON) throws; an `if` on one can't throw, and shows in the comparison
 * with the real helm.
 */
import { createHash } from "node:crypto";
import { MeshError } from "#lib/errors.ts";
import { isJsonObject, mergeJson, type Json, type JsonObject } from "../json.ts";
import { parseYaml } from "../yaml.ts";

/** What a symbolic value will be. It decides how it is printed: "json" is anything with members or items. */
export type SymbolKind = "text" | "number" | "flag" | "json";

/** A value that only Helm will know, as an expression of its template language. */
export class Symbolic<T> {
  /** Never set: it keeps Symbolic<string> and Symbolic<number> apart. */
  declare readonly type?: T;
  readonly kind: SymbolKind;
  /** An operand: a path, a literal, or a call in parentheses. */
  readonly go: string;

  constructor(kind: SymbolKind, go: string) {
    this.kind = kind;
    this.go = go;
  }

  toString(): string {
    throw new Error(`The symbolic value ${this.go} was used as text; use the text tag`);
  }

  toJSON(): string {
    throw new Error(`The symbolic value ${this.go} was used as JSON`);
  }
}

/** A value that is known, or will be. */
export type Expr<T> = T | Symbolic<T>;

/** An object or item that is there under a condition; made by {@link when}. */
export class When {
  readonly condition: Symbolic<boolean>;
  readonly yes: Tree;
  readonly no: Tree;
  /** Whether `condition` makes sure that `yes` has members, though each of them has a condition. */
  readonly guarded: boolean;

  constructor(condition: Symbolic<boolean>, yes: Tree, no: Tree, guarded = false) {
    this.condition = condition;
    this.yes = yes;
    this.no = no;
    this.guarded = guarded;
  }
}

/** Items of a symbolic list in the middle of a list; made by {@link items}. */
export class Spread {
  readonly list: Symbolic<Json[]>;
  constructor(list: Symbolic<Json[]>) {
    this.list = list;
  }
}

/** One item for each entry of a symbolic list; made by {@link each}. */
export class Each {
  readonly list: Symbolic<Json[]>;
  readonly variable: string;
  readonly item: Tree;
  constructor(list: Symbolic<Json[]>, variable: string, item: Tree) {
    this.list = list;
    this.variable = variable;
    this.item = item;
  }
}

/** A list's item that templates keep apart, under a name, because it stands in several places. */
export class Block {
  readonly name: string;
  readonly item: Tree;
  constructor(name: string, item: Tree) {
    this.name = name;
    this.item = item;
  }
}

/** Stops the rendering with a message unless its condition holds; made by {@link demand}. */
export class Demand {
  readonly condition: Symbolic<boolean>;
  readonly message: string;
  constructor(condition: Symbolic<boolean>, message: string) {
    this.condition = condition;
    this.message = message;
  }
}

/** JSON with symbolic parts. */
export type Tree =
  | Json
  | undefined
  | Symbolic<unknown>
  | When
  | Spread
  | Each
  | Block
  | Demand
  | readonly Tree[]
  | { readonly [member: string]: Tree };

export type TreeObject = { readonly [member: string]: Tree };

/** T with each leaf known or symbolic. Maps and lists of the user's own making are leaves. */
export type Expressions<T> = [T] extends [string | number | boolean | null]
  ? Expr<T>
  : T extends readonly unknown[]
    ? Expr<T>
    : string extends keyof T
      ? Expr<T>
      : { readonly [K in keyof T]: Expressions<T[K]> };

/** Text as Go writes it: JSON's escapes are a subset of Go's. */
export const goText = (text: string): string => JSON.stringify(text);

/** An operand of a Go expression. */
export function operand(value: Expr<Json>): string {
  if (value instanceof Symbolic) return value.go;
  if (typeof value === "string") return goText(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (value === null) return "nil";
  if (Array.isArray(value)) return `(list ${value.map(operand).join(" ")})`;
  const members = Object.entries(value).flatMap(([name, member]) => [goText(name), operand(member ?? null)]);
  return `(dict ${members.join(" ")})`;
}

/** An operand that is a map or list even where a `null` of the user's took the default away. */
export function orEmpty(value: Expr<Json>, kind: "dict" | "list"): string {
  return value instanceof Symbolic && value.go.startsWith("$") ? `(default ${kind} ${value.go})` : operand(value);
}

function call<T>(kind: SymbolKind, name: string, ...operands: string[]): Symbolic<T> {
  return new Symbolic<T>(kind, `(${[name, ...operands].join(" ")})`);
}

/** Text with known and symbolic parts: text`--addr=:${port}`. Lists and objects are no parts. */
export function text(
  strings: TemplateStringsArray,
  ...parts: ReadonlyArray<Expr<string> | Expr<number> | Expr<boolean>>
): Expr<string> {
  let format = "";
  let known = "";
  const operands: string[] = [];
  for (const [index, string] of strings.entries()) {
    known += string;
    format += string.replaceAll("%", "%%");
    if (index === parts.length) break;
    const part = parts[index];
    if (part instanceof Symbolic) {
      format += "%s";
      // Go prints large numbers with an exponent, its JSON doesn't.
      operands.push(part.kind === "text" ? part.go : `(toJson ${part.go})`);
    } else {
      known += String(part);
      format += String(part).replaceAll("%", "%%");
    }
  }
  const [only] = operands;
  if (only === undefined) return known;
  return format === "%s" ? new Symbolic<string>("text", only) : call("text", "printf", goText(format), ...operands);
}

/** What both languages take for true: everything but false, 0, "", null, and a list or map without entries. */
function truth(value: Json): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return isJsonObject(value) ? Object.keys(value).length > 0 : Boolean(value);
}

/** Whether there is something: not empty text, not 0, not null, not an empty list or map. */
export function some(value: Expr<Json> | Expr<string> | Expr<boolean>): Expr<boolean> {
  if (!(value instanceof Symbolic)) return truth(value as Json);
  return value.kind === "flag" ? (value as Symbolic<boolean>) : call("flag", "not", `(empty ${value.go})`);
}

export function not(condition: Expr<boolean>): Expr<boolean> {
  return condition instanceof Symbolic ? call("flag", "not", condition.go) : !condition;
}

export function and(...conditions: ReadonlyArray<Expr<boolean>>): Expr<boolean> {
  if (conditions.includes(false)) return false;
  return joined("and", conditions, true);
}

export function or(...conditions: ReadonlyArray<Expr<boolean>>): Expr<boolean> {
  if (conditions.includes(true)) return true;
  return joined("or", conditions, false);
}

function joined(name: string, conditions: ReadonlyArray<Expr<boolean>>, neutral: boolean): Expr<boolean> {
  const open = conditions.filter((condition) => condition instanceof Symbolic);
  const [only] = open;
  if (only === undefined) return neutral;
  return open.length === 1 ? only : call("flag", name, ...open.map(({ go }) => go));
}

export function equal<T extends string | number>(value: Expr<T>, expected: T): Expr<boolean> {
  return value instanceof Symbolic ? call("flag", "eq", value.go, operand(expected)) : value === expected;
}

/** Whether a whole number is at least `least`. */
export function atLeast(value: Expr<number>, least: number): Expr<boolean> {
  return value instanceof Symbolic ? call("flag", "ge", `(int64 ${value.go})`, String(least)) : value >= least;
}

/** The value, or `fallback` when it is empty text, 0 or null. */
export function orElse<T extends Json>(value: Expr<T>, fallback: Expr<T>): Expr<T> {
  if (!(value instanceof Symbolic)) return truth(value) ? value : fallback;
  const kind = value.kind;
  return call(kind, "default", operand(fallback), value.go);
}

/** One of two values. For whole members and objects see {@link when}. */
export function pick<T extends Json>(condition: Expr<boolean>, yes: Expr<T>, no: Expr<T>): Expr<T> {
  if (!(condition instanceof Symbolic)) return condition ? yes : no;
  const kind = [yes, no].map(kindOf).find((found) => found !== "json") ?? "json";
  return call(kind, "ternary", operand(yes), operand(no), condition.go);
}

function kindOf(value: Expr<Json>): SymbolKind {
  if (value instanceof Symbolic) return value.kind;
  if (typeof value === "string") return "text";
  if (typeof value === "number") return "number";
  return typeof value === "boolean" ? "flag" : "json";
}

/** A member, item or object that is there when the condition holds, else `otherwise` or nothing. */
export function when(condition: Expr<boolean>, then: Tree, otherwise?: Tree): Tree {
  if (condition instanceof Symbolic) {
    if (then === undefined && otherwise === undefined) return undefined;
    return then === undefined
      ? new When(not(condition) as Symbolic<boolean>, otherwise, undefined)
      : new When(condition, then, otherwise);
  }
  return condition ? then : otherwise;
}

/** The value when there is something in it, else nothing. */
export const unlessEmpty = (value: Expr<Json> | Expr<string> | Expr<boolean>): Tree => when(some(value), value as Tree);

/** An object of members that may be missing; when all are, the object is missing, too. */
export function unlessBare(members: TreeObject): Tree {
  const present = Object.entries(members).filter(([, member]) => member !== undefined);
  if (present.length === 0) return undefined;
  const object = Object.fromEntries(present);
  const conditions: Array<Symbolic<boolean>> = [];
  for (const [, member] of present) {
    if (!(member instanceof When) || member.no !== undefined) return object;
    conditions.push(member.condition);
  }
  return new When(or(...conditions) as Symbolic<boolean>, object, undefined, true);
}

/** The items of a list, to be spread into another one. */
export function items(list: Expr<Json[]> | Expr<string[]> | Expr<JsonObject[]>): readonly Tree[] {
  return list instanceof Symbolic ? [new Spread(list as Symbolic<Json[]>)] : list;
}

/** Something for each entry of a list of objects that is not empty (ask `some` before); the entry's members are text. */
export function each<K extends string>(
  list: Expr<Array<Record<K, string>>>,
  variable: string,
  members: readonly K[],
  make: (entry: Record<K, Expr<string>>) => Tree,
): readonly Tree[] {
  if (!(list instanceof Symbolic)) return list.map((entry) => make(entry));
  const entry = Object.fromEntries(members.map((name) => [name, new Symbolic<string>("text", `$${variable}.${name}`)]));
  return [new Each(list as Symbolic<Json[]>, variable, make(entry as Record<K, Expr<string>>))];
}

/** Throws "invalid-argument" unless the condition holds; in a chart the rendering fails with the message. */
export function demand(condition: Expr<boolean>, message: string): readonly Demand[] {
  if (condition instanceof Symbolic) return [new Demand(condition, message)];
  if (!condition) throw new MeshError("invalid-argument", message);
  return [];
}

/** Objects under one condition. */
export function allWhen(condition: Expr<boolean>, make: () => readonly Tree[]): readonly Tree[] {
  if (condition === false) return [];
  return condition === true ? make() : make().map((tree) => when(condition, tree));
}

/** A map laid over others, the last one winning. */
export function merged(...maps: ReadonlyArray<Expr<JsonObject> | Readonly<Record<string, Expr<string>>>>): Tree {
  if (maps.some((map) => map instanceof Symbolic || Object.values(map).some((member) => member instanceof Symbolic))) {
    const rest = maps.map((map) => orEmpty(map as Expr<JsonObject>, "dict"));
    // Only its first argument is changed by this function: an empty one of our own.
    return call("json", "mergeOverwrite", "(dict)", ...rest);
  }
  return maps.reduce<Json>((result, map) => mergeJson(result, map as JsonObject), {});
}

/** Two lists as one. */
export function concatenated<T extends Json>(first: Expr<T[]>, second: Expr<T[]>): Expr<T[]> {
  if (!(first instanceof Symbolic) && !(second instanceof Symbolic)) return [...first, ...second];
  return call("json", "concat", orEmpty(first, "list"), orEmpty(second, "list"));
}

export function commaSeparated(list: Expr<string[]>): Expr<string> {
  return list instanceof Symbolic ? call("text", "join", goText(","), list.go) : list.join(",");
}

export function trimmed(value: Expr<string>): Expr<string> {
  return value instanceof Symbolic ? call("text", "trim", value.go) : value.trim();
}

export function sha256(value: Expr<string>): Expr<string> {
  if (value instanceof Symbolic) return call("text", "sha256sum", value.go);
  return createHash("sha256").update(value).digest("hex");
}

export function base64(value: Expr<string>): Expr<string> {
  return value instanceof Symbolic ? call("text", "b64enc", value.go) : Buffer.from(value, "utf8").toString("base64");
}

/** One line of JSON with sorted members, as Go writes it. */
export function jsonText(value: Expr<JsonObject>): Expr<string> {
  if (value instanceof Symbolic) return call("text", "toJson", value.go);
  const escapes: Readonly<Record<string, string>> = { "<": "\\u003c", ">": "\\u003e", "&": "\\u0026" };
  return JSON.stringify(sorted(value)).replace(/[<>&]/g, (character) => escapes[character] ?? character);
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const names = Object.keys(value).toSorted();
  return Object.fromEntries(names.map((name) => [name, sorted(value[name] ?? null)]));
}

/** The object that a YAML text is. */
export function fromYaml(value: Expr<string>): Tree {
  if (value instanceof Symbolic) return call("json", "fromYaml", value.go);
  return value === "" ? undefined : parseYaml(value, "a value")[0];
}

export function contains(value: Expr<string>, part: string): Expr<boolean> {
  return value instanceof Symbolic ? call("flag", "contains", goText(part), value.go) : value.includes(part);
}

/** "name=value" and a newline for each member, sorted by name. */
export function lines(map: Expr<Record<string, string>>): Expr<string> {
  if (map instanceof Symbolic) return call("text", "include", goText("linkerd.lines"), map.go);
  return Object.keys(map)
    .toSorted()
    .map((name) => `${name}=${map[name]}\n`)
    .join("");
}

/**
 * The tree of plain values as JSON: members and items that are missing are gone. Throws when something symbolic is in it.
 */
export function plain(tree: Tree): Json {
  if (tree === undefined) return null;
  if (tree === null || typeof tree !== "object") return tree;
  if (tree instanceof Block) return plain(tree.item);
  if (
    tree instanceof Symbolic ||
    tree instanceof When ||
    tree instanceof Spread ||
    tree instanceof Each ||
    tree instanceof Demand
  ) {
    throw new Error("A tree of plain values has a symbolic part");
  }
  if (Array.isArray(tree)) return (tree as readonly Tree[]).filter((item) => item !== undefined).map(plain);
  const result: JsonObject = {};
  for (const [name, member] of Object.entries(tree as TreeObject)) {
    if (member !== undefined) result[name] = plain(member);
  }
  return result;
}
