/** Label selectors in both notations (Kubernetes "Labels and Selectors"). */
import { badRequest } from "../status-error.ts";

export interface Requirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";
  readonly values: readonly string[];
}

/** All requirements must hold; none means everything matches. */
export type LabelSelector = readonly Requirement[];

type Labels = Readonly<Record<string, string>>;

export function matchesLabels(selector: LabelSelector, labels: Labels | undefined): boolean {
  return selector.every((requirement) => holds(requirement, labels?.[requirement.key]));
}

function holds({ operator, values }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return value !== undefined && Number(value) > Number(values[0]);
    default:
      return value !== undefined && Number(value) < Number(values[0]);
  }
}

/** Splits at commas that are not inside parentheses. */
function parts(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

const key = String.raw`[A-Za-z0-9][-A-Za-z0-9_./]*`;
const setForm = new RegExp(`^(${key})\\s+(in|notin)\\s+\\(([^()]*)\\)$`);
const pairForm = new RegExp(`^(${key})\\s*(==|=|!=|>|<)\\s*([-A-Za-z0-9_.]*)$`);
const keyForm = new RegExp(`^(!?)\\s*(${key})$`);

/** Reads "app=web,tier in (a,b),!canary". Throws 400 naming the part that is wrong. */
export function parseLabelSelector(text: string): LabelSelector {
  return parts(text).map((part): Requirement => {
    const set = setForm.exec(part);
    if (set?.[1] !== undefined) {
      const values = (set[3] ?? "").split(",").map((value) => value.trim());
      return { key: set[1], operator: set[2] === "in" ? "In" : "NotIn", values };
    }
    const pair = pairForm.exec(part);
    if (pair?.[1] !== undefined) {
      const operators = { "=": "In", "==": "In", "!=": "NotIn", ">": "Gt", "<": "Lt" } as const;
      return { key: pair[1], operator: operators[pair[2] as keyof typeof operators], values: [pair[3] ?? ""] };
    }
    const alone = keyForm.exec(part);
    if (alone?.[2] === undefined) throw badRequest(`unable to parse requirement: "${part}" is not a label requirement`);
    return { key: alone[2], operator: alone[1] === "!" ? "DoesNotExist" : "Exists", values: [] };
  });
}

/** The object form (`matchLabels`, `matchExpressions`) as a selector; null or undefined matches nothing: answered by null. */
export function fromObject(value: unknown): LabelSelector | null {
  if (typeof value !== "object" || value === null) return null;
  const { matchLabels, matchExpressions } = value as {
    matchLabels?: Labels;
    matchExpressions?: Array<{ key: string; operator: Requirement["operator"]; values?: string[] }>;
  };
  return [
    ...Object.entries(matchLabels ?? {}).map(([name, wanted]): Requirement => ({
      key: name,
      operator: "In",
      values: [wanted],
    })),
    ...(matchExpressions ?? []).map((entry): Requirement => ({ ...entry, values: entry.values ?? [] })),
  ];
}

/** The string form of a selector, as /scale shows it. */
export function formatSelector(selector: LabelSelector): string {
  return selector
    .map(({ key: name, operator, values }) => {
      switch (operator) {
        case "In":
          return values.length === 1 ? `${name}=${values[0]}` : `${name} in (${values.join(",")})`;
        case "NotIn":
          return `${name} notin (${values.join(",")})`;
        case "Exists":
          return name;
        case "DoesNotExist":
          return `!${name}`;
        default:
          return `${name}${operator === "Gt" ? ">" : "<"}${values[0]}`;
      }
    })
    .join(",");
}
