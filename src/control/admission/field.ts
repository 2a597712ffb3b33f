import type { Findings } from "./findings.ts";

/**
 * A place in an object that somebody sent: nothing is known of its shape until it was asked for. What is absent is quietly
 * empty; what has another type than asked for is a problem and then counts as absent.
 */
export class Field {
  /** Where it is, e.g. `spec.rules[0].matches[1].path`. */
  readonly path: string;
  readonly value: unknown;
  readonly findings: Findings;

  constructor(path: string, value: unknown, findings: Findings) {
    this.path = path;
    this.value = value;
    this.findings = findings;
  }

  get present(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  problem(what: string): void {
    this.findings.problem(this.path, what);
  }

  warning(what: string): void {
    this.findings.warning(this.path, what);
  }

  /** A member; absent when this is no object. */
  at(key: string): Field {
    const { value } = this;
    const member = isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
    return new Field(this.path === "" ? key : `${this.path}.${key}`, member, this.findings);
  }

  /** An annotation of an object's metadata; its key is full of dots. */
  annotation(key: string): Field {
    return new Field(`${this.path}.annotations["${key}"]`, this.at("annotations").at(key).value, this.findings);
  }

  /** Whether it is an object. `known`: the members that it may have. */
  object(known?: readonly string[]): boolean {
    if (!this.present) return false;
    if (!isRecord(this.value)) {
      this.problem("is not an object");
      return false;
    }
    if (known !== undefined) {
      for (const key of Object.keys(this.value)) {
        if (!known.includes(key)) this.at(key).problem("is not a known field");
      }
    }
    return true;
  }

  /** Says that it is needed when it is absent. */
  required(): this {
    if (!this.present) this.problem("is required");
    return this;
  }

  /** All of them, whatever they are; an empty place in a list is a problem. */
  items(): Field[] {
    if (!this.present) return [];
    if (!Array.isArray(this.value)) {
      this.problem("is not a list");
      return [];
    }
    const items = this.value.map((item, index) => new Field(`${this.path}[${index}]`, item, this.findings));
    for (const item of items) item.required();
    return items;
  }

  /** Those of the items that are objects. */
  objects(): Field[] {
    return this.items().filter((item) => item.object());
  }

  text(): string | null {
    if (!this.present) return null;
    if (typeof this.value === "string") return this.value;
    this.problem("is not a text");
    return null;
  }

  /** A whole number from `min` to `max`. */
  integer(min: number, max: number): number | null {
    if (!this.present) return null;
    const { value } = this;
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
    this.problem(`${JSON.stringify(value)} is not a whole number from ${min} to ${max}`);
    return null;
  }

  boolean(): boolean | null {
    if (!this.present) return null;
    if (typeof this.value === "boolean") return this.value;
    this.problem("is not true or false");
    return null;
  }

  oneOf(choices: readonly string[]): string | null {
    const text = this.text();
    if (text === null || choices.includes(text)) return text;
    this.problem(`"${text}" is none of ${choices.join(", ")}`);
    return null;
  }

  /** A regular expression; it is checked when all rules have run. */
  pattern(): void {
    const text = this.text();
    if (text !== null) this.findings.pattern(this.path, text);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
