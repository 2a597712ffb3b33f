import type { Requirement } from "#model/label-selector.ts";
import type { SelectorSpec } from "./policy-record.ts";

const operators = { In: "in", NotIn: "notin", Exists: "exists", DoesNotExist: "absent" } as const;

/** What labels must be like; none: any. */
export function requirementsOf({ matchLabels, matchExpressions }: SelectorSpec): Requirement[] {
  // Null is the same as absent.
  const requirements: Requirement[] = Object.entries(matchLabels ?? {}).map(([key, value]) => ({
    operator: "in",
    key,
    values: [value],
  }));
  for (const { key, operator, values } of matchExpressions ?? []) {
    const word = operators[operator];
    requirements.push(
      word === "exists" || word === "absent" ? { operator: word, key } : { operator: word, key, values: values ?? [] },
    );
  }
  return requirements;
}
