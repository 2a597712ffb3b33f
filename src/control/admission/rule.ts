import type { Field } from "./field.ts";

/** An object under review. */
export interface Subject {
  readonly namespace: string;
  readonly name: string;
  /** Its API group; some kinds exist in two. */
  readonly group: string;
  readonly metadata: Field;
  readonly spec: Field;
}

/** The rules of one kind: what is wrong goes to the fields' findings. */
export type Rule = (subject: Subject) => void;
