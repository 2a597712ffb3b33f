/** Names, labels and times as Kubernetes writes them ("Object Names and IDs", "Labels and Selectors"). */
import type { StatusCause } from "./status-error.ts";
import { invalid, required } from "./validation/causes.ts";

const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const label1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const qualified = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

/** Which names a kind allows. */
export type NameRule = "subdomain" | "label" | "label1035" | "path";

const texts: Readonly<Record<NameRule, string>> = {
  subdomain:
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  label:
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  label1035:
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  path: "may not be '.' or '..' and may not contain '/' or '%'",
};

function fits(name: string, rule: NameRule): boolean {
  switch (rule) {
    case "subdomain":
      return name.length <= 253 && subdomain.test(name);
    case "label":
      return name.length <= 63 && label.test(name);
    case "label1035":
      return name.length <= 63 && label1035.test(name);
    default:
      return name.length <= 253 && name !== "." && name !== ".." && !/[/%]/.test(name);
  }
}

export function checkName(name: string, rule: NameRule, field: string): StatusCause[] {
  if (name === "") return [required(field)];
  if (fits(name, rule)) return [];
  const max = rule === "subdomain" || rule === "path" ? 253 : 63;
  return [invalid(field, name, name.length > max ? `must be no more than ${max} characters` : texts[rule])];
}

/** "example.com/name" or "name", at most 253 + 63 characters. */
export function checkQualifiedName(name: string, field: string): StatusCause[] {
  const slash = name.indexOf("/");
  const prefix = slash < 0 ? null : name.slice(0, slash);
  const rest = name.slice(slash + 1);
  if (prefix !== null && !fits(prefix, "subdomain")) return [invalid(field, name, `prefix part ${texts.subdomain}`)];
  if (rest.length > 0 && rest.length <= 63 && qualified.test(rest)) return [];
  return [
    invalid(
      field,
      name,
      "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ),
  ];
}

export function checkLabelValue(value: string, field: string): StatusCause[] {
  if (value === "" || (value.length <= 63 && qualified.test(value))) return [];
  return [
    invalid(
      field,
      value,
      value.length > 63
        ? "must be no more than 63 characters"
        : "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ),
  ];
}

export function checkLabels(labels: Readonly<Record<string, unknown>>, field: string): StatusCause[] {
  return Object.entries(labels).flatMap(([key, value]) => [
    ...checkQualifiedName(key, field),
    ...(typeof value === "string" ? checkLabelValue(value, field) : [invalid(field, value, "must be a string")]),
  ]);
}

const alphabet = "bcdfghjklmnpqrstvwxz2456789";

/** Five random characters after the prefix; the prefix is cut so that the name keeps within 63. */
export function generateName(prefix: string, random: () => number): string {
  let suffix = "";
  for (let i = 0; i < 5; i++) suffix += alphabet[Math.floor(random() * alphabet.length)] ?? "x";
  return prefix.slice(0, 58) + suffix;
}

/** RFC 3339 with whole seconds, from ms since 1970. */
export function timestamp(wall: number): string {
  return `${new Date(wall).toISOString().slice(0, 19)}Z`;
}
