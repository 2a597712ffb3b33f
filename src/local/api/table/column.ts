/** A column of `kubectl get`. */
import type { KubeObject } from "../../store/object.ts";

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
