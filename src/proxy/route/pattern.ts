/** Regular expressions of routes: RE2's syntax, and time linear to the text whatever the pattern. */
import type { RE2JS } from "re2js";
import type { Pattern } from "./match.ts";

/** Longer patterns are refused: they match nothing, which shows at once. */
const maxPattern = 1024;

export const nothing: Pattern = { test: () => false };

/** A pattern for whole texts. One that is not RE2's or is too long matches nothing. */
export function wholeText(source: string): Pattern {
  if (source.length > maxPattern) return nothing;
  const engine = loadEngine();
  try {
    const compiled: RE2JS = engine.compile(source);
    return { test: (text) => compiled.matches(text) };
  } catch {
    // The control plane's webhook refuses it and tells why; one that got past it can't be repaired here.
    return nothing;
  }
}

/** Only by the first pattern: it costs 22 ms and 8 MB, and few meshes have one. Not at once later: a route without its pattern would be a wider one. */
function loadEngine(): typeof RE2JS {
  return (require("re2js") as { readonly RE2JS: typeof RE2JS }).RE2JS;
}
