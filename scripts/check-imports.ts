/**
 * Holds the import rules: folders import downwards only (scripts/import-table.ts), no file takes part in a cycle of
 * value imports, and src/ has no barrel files. `npm run ok` runs it; it prints one line per offence and exits 1.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { importTable, proxyTable, type ImportRule } from "./import-table.ts";

export interface Edge {
  /** Paths relative to src/. */
  readonly from: string;
  readonly to: string;
  readonly line: number;
  readonly kind: "value" | "type" | "dynamic";
}

/** A file's text by its path relative to src/. */
export type SourceTree = ReadonlyMap<string, string>;

const statement =
  /^[ \t]*(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm;

/** Every import of one file that leads to another file of src/. Packages and `bun:`/`node:` modules are left out. */
export function importsOf(path: string, text: string): Edge[] {
  const edges: Edge[] = [];
  // Comments may quote imports; blank them but keep the line count.
  const code = text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "))
    .replace(/^\s*\/\/.*$/gm, "");
  for (const match of code.matchAll(statement)) {
    const target = match[2] ?? match[3] ?? "";
    const to = target.startsWith("#") ? target.slice(1) : target.startsWith(".") ? join(dirname(path), target) : null;
    // Data files outside src/ (package.json) are no part of the layering.
    if (to === null || (to.startsWith("../") && !to.endsWith(".ts"))) continue;
    const line = code.slice(0, match.index).split("\n").length;
    const kind = match[3] !== undefined ? "dynamic" : match[1] !== undefined ? "type" : "value";
    edges.push({ from: path, to, line, kind });
  }
  return edges;
}

function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`) || path === `${folder}.ts`;
}

function ruleFor(path: string): readonly [folder: string, rule: ImportRule] | null {
  const found = Object.entries(importTable)
    .filter(([folder]) => within(path, folder))
    .toSorted((a, b) => b[0].length - a[0].length)[0];
  return found ?? null;
}

const isTest = (path: string): boolean => /\.test\.ts$|\.suite\.ts$|\/testing\//.test(path);

/** One line per offence against the table. Tests may import whatever their own folder and lower folders allow, plus /testing/. */
export function forbidden(edges: readonly Edge[]): string[] {
  const offences: string[] = [];
  for (const edge of edges) {
    const found = ruleFor(edge.from);
    if (found === null) {
      offences.push(`src/${edge.from}: its folder is not in scripts/import-table.ts`);
      continue;
    }
    const [folder, rule] = found;
    if (within(edge.to, folder)) {
      offences.push(...forbiddenInProxy(edge));
      continue;
    }
    const allowed =
      rule.values.some((target) => within(edge.to, target)) ||
      (edge.kind === "type" && (rule.types ?? []).some((target) => within(edge.to, target))) ||
      (edge.kind === "dynamic" && (rule.dynamic ?? []).some((target) => within(edge.to, target)));
    if (!allowed)
      offences.push(`src/${edge.from}:${edge.line} imports ${edge.to}, which ${folder}/ may not (${edge.kind})`);
  }
  return offences;
}

function forbiddenInProxy(edge: Edge): string[] {
  if (isTest(edge.from)) return [];
  const [program, from] = edge.from.split("/");
  const to = edge.to.split("/")[1];
  if (program !== "proxy" || from === undefined || to === undefined || from === to) return [];
  const rule = proxyTable[from];
  if (rule === undefined) return []; // a file directly in src/proxy
  if (rule.includes(to)) return [];
  if (edge.kind === "type" && proxyTable[to] !== undefined && !peers(from, to)) return [];
  return [`src/${edge.from}:${edge.line} imports ${edge.to}, which proxy/${from}/ may not`];
}

/** inbound and outbound know nothing of each other, not even types. */
function peers(from: string, to: string): boolean {
  const sides = ["inbound", "outbound", "gateway"];
  return sides.includes(from) && sides.includes(to);
}

/** Each group of files that import one another by value, as sorted lists. */
export function cycles(edges: readonly Edge[]): string[][] {
  const graph = new Map<string, string[]>();
  for (const edge of edges) {
    if (edge.kind !== "value") continue;
    const list = graph.get(edge.from);
    if (list === undefined) graph.set(edge.from, [edge.to]);
    else list.push(edge.to);
  }
  // Tarjan's strongly connected components, with an explicit stack so that deep graphs don't overflow.
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const onStack = new Set<string>();
  const stack: string[] = [];
  const found: string[][] = [];
  let counter = 0;
  for (const start of graph.keys()) {
    if (index.has(start)) continue;
    const work: Array<{ node: string; next: number }> = [{ node: start, next: 0 }];
    while (work.length > 0) {
      const frame = work[work.length - 1]!;
      const { node } = frame;
      if (frame.next === 0) {
        index.set(node, counter);
        low.set(node, counter);
        counter++;
        stack.push(node);
        onStack.add(node);
      }
      const targets = graph.get(node) ?? [];
      const target = targets[frame.next];
      if (target !== undefined) {
        frame.next++;
        if (!index.has(target)) work.push({ node: target, next: 0 });
        else if (onStack.has(target)) low.set(node, Math.min(low.get(node)!, index.get(target)!));
        continue;
      }
      if (frame.next === 0) frame.next = 1;
      if (low.get(node) === index.get(node)) {
        const group: string[] = [];
        for (;;) {
          const member = stack.pop()!;
          onStack.delete(member);
          group.push(member);
          if (member === node) break;
        }
        if (group.length > 1 || targets.includes(node)) found.push(group.toSorted());
      }
      work.pop();
      const parent = work[work.length - 1];
      if (parent !== undefined) low.set(parent.node, Math.min(low.get(parent.node)!, low.get(node)!));
    }
  }
  return found;
}

/** All offences of a source tree: forbidden imports, cycles, barrels, imports of files that don't exist. */
export function checkTree(tree: SourceTree): string[] {
  const edges = [...tree].flatMap(([path, text]) => importsOf(path, text));
  const offences = forbidden(edges);
  for (const group of cycles(edges)) offences.push(`import cycle: ${group.map((path) => `src/${path}`).join(" ⇄ ")}`);
  for (const path of tree.keys()) {
    if (path === "index.ts" || path.endsWith("/index.ts"))
      offences.push(`src/${path}: barrel files are not used here; import the file itself`);
  }
  for (const edge of edges) {
    // What the table allows outside src/ is tsc's to find.
    if (edge.to.endsWith(".ts") && !edge.to.startsWith("../") && !tree.has(edge.to)) {
      offences.push(`src/${edge.from}:${edge.line} imports ${edge.to}, which does not exist`);
    }
  }
  return offences;
}

/** Reads every .ts file below `root`. */
export function readTree(root: string): Map<string, string> {
  const tree = new Map<string, string>();
  for (const name of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    if (name.endsWith(".ts")) tree.set(name, readFileSync(join(root, name), "utf8"));
  }
  return tree;
}

if (import.meta.main) {
  const root = resolve(import.meta.dir, "../src");
  const tree = readTree(root);
  const offences = checkTree(tree);
  for (const offence of offences) console.error(offence);
  console.log(
    `imports: ${tree.size} files below ${relative(process.cwd(), root) || root}, ${offences.length} offences`,
  );
  process.exit(offences.length > 0 ? 1 : 0);
}
