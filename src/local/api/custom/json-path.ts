/** The subset of JSONPath that printer columns use: fields, indexes, `[*]` and `[?(@.a=="b")]`. */

type Step =
  | { readonly kind: "field"; readonly name: string }
  | { readonly kind: "index"; readonly at: number }
  | { readonly kind: "all" }
  | { readonly kind: "filter"; readonly path: string; readonly value: string };

const stepForm =
  /\.([\w$-]+(?:\\\.[\w$/-]+)*)|\[(?:'([^']*)'|"([^"]*)"|(-?\d+)|(\*)|\?\(\s*@\.([\w.]+)\s*==\s*["']([^"']*)["']\s*\))\]/y;

/** Null when the path uses what isn't understood. */
export function parseJsonPath(text: string): readonly Step[] | null {
  const steps: Step[] = [];
  const source = text.replace(/^\{|\}$/g, "").replace(/^\$/, "");
  const path = source.startsWith(".") || source.startsWith("[") ? source : `.${source}`;
  stepForm.lastIndex = 0;
  while (stepForm.lastIndex < path.length) {
    const match = stepForm.exec(path);
    if (match === null) return null;
    const [, field, single, double, index, all, filterPath, filterValue] = match;
    const name = field?.replaceAll("\\.", ".") ?? single ?? double;
    if (name !== undefined) steps.push({ kind: "field", name });
    else if (index !== undefined) steps.push({ kind: "index", at: Number(index) });
    else if (all !== undefined) steps.push({ kind: "all" });
    else steps.push({ kind: "filter", path: filterPath ?? "", value: filterValue ?? "" });
  }
  return steps;
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** Every value that the path leads to. */
export function readJsonPath(steps: readonly Step[], root: unknown): unknown[] {
  let values: unknown[] = [root];
  for (const step of steps) {
    values = values.flatMap((value): unknown[] => {
      if (step.kind === "field") return [field(value, step.name)];
      if (step.kind === "all" && typeof value === "object" && value !== null) return Object.values(value);
      if (!Array.isArray(value)) return [];
      if (step.kind === "index") return [value.at(step.at)];
      if (step.kind === "filter") {
        return value.filter((item) => {
          const found = step.path.split(".").reduce<unknown>(field, item);
          return found !== undefined && String(found) === step.value;
        });
      }
      return [];
    });
  }
  return values.filter((value) => value !== undefined && value !== null);
}
