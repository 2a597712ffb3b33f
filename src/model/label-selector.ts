/**
 * Label selectors as kubectl's `-l` writes them: `app=web,tier!=cache,env in (a,b),!legacy`.
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
 */
import { MeshError } from "#lib/errors.ts";

export type Labels = Readonly<Record<string, string>>;

export type Requirement =
  | { readonly operator: "in" | "notin"; readonly key: string; readonly values: readonly string[] }
  | { readonly operator: "exists" | "absent"; readonly key: string };

/** All requirements of a selector; an empty text selects everything. Throws "invalid-argument" naming the part. */
export function parseLabelSelector(text: string): Requirement[] {
  const requirements: Requirement[] = [];
  // Commas inside parentheses belong to the value list.
  for (const part of text.split(/,(?![^(]*\))/)) {
    const term = part.trim();
    if (term === "") continue;
    requirements.push(parseRequirement(term));
  }
  return requirements;
}

const key = String.raw`([A-Za-z0-9]([\w.-]*[A-Za-z0-9])?(?:/[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?)?)`;

function parseRequirement(term: string): Requirement {
  const set = new RegExp(`^${key}\\s+(in|notin)\\s*\\(([^)]*)\\)$`).exec(term);
  if (set !== null) {
    const values = (set[5] ?? "").split(",").map((value) => value.trim());
    return { operator: set[4] === "in" ? "in" : "notin", key: set[1] ?? "", values };
  }
  const equality = new RegExp(`^${key}\\s*(==|=|!=)\\s*([\\w.-]*)$`).exec(term);
  if (equality !== null) {
    return { operator: equality[4] === "!=" ? "notin" : "in", key: equality[1] ?? "", values: [equality[5] ?? ""] };
  }
  const presence = new RegExp(`^(!?)\\s*${key}$`).exec(term);
  if (presence !== null) return { operator: presence[1] === "!" ? "absent" : "exists", key: presence[2] ?? "" };
  throw new MeshError(
    "invalid-argument",
    `Label selector has the invalid part "${term}"; write key=value, key!=value, key in (a,b), key or !key`,
  );
}

export function matchesLabels(requirements: readonly Requirement[], labels: Labels): boolean {
  return requirements.every((requirement) => {
    const value = labels[requirement.key];
    switch (requirement.operator) {
      case "in":
        return value !== undefined && requirement.values.includes(value);
      case "notin":
        return value === undefined || !requirement.values.includes(value);
      case "exists":
        return value !== undefined;
      case "absent":
        return value === undefined;
    }
  });
}
