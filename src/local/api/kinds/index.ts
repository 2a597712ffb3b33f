/** The rules of each built-in kind that has any of its own. */
import type { KindRules } from "./strategy.ts";

export const kindRules: Readonly<Record<string, KindRules>> = {};
