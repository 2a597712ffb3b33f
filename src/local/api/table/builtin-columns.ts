/** The columns of built-in kinds. */
import type { Column } from "./column.ts";

export function columnsOf(_kind: string): readonly Column[] {
  return [];
}
