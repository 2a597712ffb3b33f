/**
 * Putting our plugin into a node's network configuration: which files of the folder change, and how. Pure.
 *
 * Runtimes take the first file by name. Others own these files and rewrite them when they like, so the plan is made anew
 * from what is there, changes only what must change, and never touches a file that it can't read.
 */
import type { JsonObject } from "../plugin/protocol.ts";
import { pluginName } from "../plugin/plugin-config.ts";

export interface ConfigFile {
  readonly name: string;
  readonly text: string;
}

export type FileChange =
  | { readonly kind: "write"; readonly name: string; readonly text: string }
  | { readonly kind: "rename"; readonly from: string; readonly to: string }
  | { readonly kind: "remove"; readonly name: string };

export interface Plan {
  /** To be done in this order: at no moment is there no configuration. */
  readonly changes: readonly FileChange[];
  /** The file that pods are set up by, with our plugin after the changes; null: there is no usable one yet. */
  readonly active: string | null;
  /** Files that are left alone because they can't be read, and why. */
  readonly unreadable: ReadonlyArray<{ readonly name: string; readonly reason: string }>;
}

/** Added to the name of a single-plugin file that a list with our plugin stands in for; no runtime reads such names. */
export const replacedSuffix = ".linkerd-replaced";

/** Names that runtimes read. */
export const isConfigName = (name: string): boolean => /\.(conf|conflist|json)$/.test(name) && !name.startsWith(".");

type Parsed =
  | { readonly kind: "list"; readonly config: JsonObject; readonly plugins: readonly JsonObject[] }
  | { readonly kind: "single"; readonly config: JsonObject }
  | { readonly kind: "unreadable"; readonly reason: string };

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parse({ name, text }: ConfigFile): Parsed {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (thrown) {
    return { kind: "unreadable", reason: thrown instanceof Error ? thrown.message : String(thrown) };
  }
  if (!isObject(config)) return { kind: "unreadable", reason: "it is no JSON object" };
  if (name.endsWith(".conflist") || Array.isArray(config["plugins"])) {
    const plugins = config["plugins"];
    if (!Array.isArray(plugins) || plugins.length === 0 || !plugins.every(isObject)) {
      return { kind: "unreadable", reason: "it has no list of plugins" };
    }
    return { kind: "list", config, plugins };
  }
  if (typeof config["type"] !== "string" || config["type"] === "") {
    return { kind: "unreadable", reason: "it names no plugin" };
  }
  return { kind: "single", config };
}

const isOurs = (plugin: JsonObject): boolean => plugin["type"] === pluginName;
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
const print = (config: JsonObject): string => `${JSON.stringify(config, null, 2)}\n`;
const byName = (a: ConfigFile, b: ConfigFile): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

/** The list that does what the single plugin did, and then ours. */
function listOf(config: JsonObject, entry: JsonObject): JsonObject {
  const { name, cniVersion, ...plugin } = config;
  return {
    name: name ?? "network",
    // Handing a result to the next plugin came with 0.3.0.
    cniVersion: cniVersion ?? "0.3.1",
    plugins: [plugin, entry],
  };
}

/** What must change so that pods are set up with our plugin. `files`: everything in the folder. */
export function planInstallation(files: readonly ConfigFile[], entry: JsonObject): Plan {
  const changes: FileChange[] = [];
  const unreadable: Array<{ name: string; reason: string }> = [];
  let active: string | null = null;
  for (const file of files.filter(({ name }) => isConfigName(name)).toSorted(byName)) {
    const parsed = parse(file);
    if (parsed.kind === "unreadable") unreadable.push({ name: file.name, reason: parsed.reason });
    else if (active === null) {
      const { name, steps } = activate(file, parsed, entry);
      active = name;
      changes.push(...steps);
    } else if (parsed.kind === "list" && parsed.plugins.some(isOurs) && file.name !== active) {
      // Another file came before the one that we were in.
      changes.push({ kind: "write", name: file.name, text: print(without(parsed.config, parsed.plugins)) });
    }
  }
  return { changes, active, unreadable };
}

const baseName = (name: string): string => name.replace(/\.(conf|conflist|json)$/, "");

function activate(
  file: ConfigFile,
  parsed: Exclude<Parsed, { kind: "unreadable" }>,
  entry: JsonObject,
): { name: string; steps: FileChange[] } {
  if (parsed.kind === "list") {
    const others = parsed.plugins.filter((plugin) => !isOurs(plugin));
    const plugins = [...others, entry];
    if (same(plugins, parsed.plugins)) return { name: file.name, steps: [] };
    return {
      name: file.name,
      steps: [{ kind: "write", name: file.name, text: print({ ...parsed.config, plugins }) }],
    };
  }
  const name = `${baseName(file.name)}.conflist`;
  return {
    name,
    steps: [
      { kind: "write", name, text: print(listOf(parsed.config, entry)) },
      { kind: "rename", from: file.name, to: `${file.name}${replacedSuffix}` },
    ],
  };
}

function without(config: JsonObject, plugins: readonly JsonObject[]): JsonObject {
  return { ...config, plugins: plugins.filter((plugin) => !isOurs(plugin)) };
}

/** What must change so that nothing of ours is left. */
export function planRemoval(files: readonly ConfigFile[]): readonly FileChange[] {
  const names = new Set(files.map(({ name }) => name));
  const changes: FileChange[] = [];
  for (const file of files.filter(({ name }) => name.endsWith(replacedSuffix)).toSorted(byName)) {
    const original = file.name.slice(0, -replacedSuffix.length);
    // Its owner wrote it anew meanwhile: that one counts.
    if (names.has(original)) changes.push({ kind: "remove", name: file.name });
    else changes.push({ kind: "rename", from: file.name, to: original });
  }
  for (const file of files.filter(({ name }) => isConfigName(name)).toSorted(byName)) {
    const parsed = parse(file);
    if (parsed.kind !== "list" || !parsed.plugins.some(isOurs)) continue;
    const rest = without(parsed.config, parsed.plugins);
    const standsIn = [...names].some(
      (name) => name.endsWith(replacedSuffix) && baseName(file.name) === originalBase(name),
    );
    if (standsIn || parsed.plugins.every(isOurs)) changes.push({ kind: "remove", name: file.name });
    else changes.push({ kind: "write", name: file.name, text: print(rest) });
  }
  return changes;
}

const originalBase = (name: string): string => baseName(name.slice(0, -replacedSuffix.length));
