/** A column of `kubectl get`. */
import type { KubeObject } from "../../store/object.ts";
import { age } from "./age.ts";

export type Cell = string | number | boolean | null;

export interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  readonly format: string;
  readonly description: string;
  /** 0 is always shown, above with `-o wide` only. */
  readonly priority: number;
  /** `now` is ms since 1970. */
  readonly cell: (object: KubeObject, now: number) => Cell;
}

/** "Name" or "wide:Node" or "#Desired" (a number) as heading. */
export function column(heading: string, cell: Column["cell"]): Column {
  const wide = heading.startsWith("wide:");
  const rest = wide ? heading.slice(5) : heading;
  const integer = rest.startsWith("#");
  const name = integer ? rest.slice(1) : rest;
  return {
    name,
    type: integer ? "integer" : "string",
    format: name === "Name" ? "name" : "",
    description: "",
    priority: wide ? 1 : 0,
    cell,
  };
}

export const nameColumn: Column = column("Name", (object) => object.metadata.name);

export const ageColumn: Column = column("Age", (object, now) => age(object.metadata.creationTimestamp, now));
