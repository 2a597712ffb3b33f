/**
 * Routes from a protobuf definition (language guide of proto2, proto3 and editions): one for each method of its services.
 * Only what is needed of the language is read: packages, services, methods and their idempotency; the rest is skipped by
 * its braces.
 */
import { MeshError } from "#lib/errors.ts";
import { escapeRegex, type Route } from "./profile.ts";

/** Words, texts and single characters; comments are dropped. */
function tokens(text: string): string[] {
  const found: string[] = [];
  const pattern = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[\w.]+|\S/g;
  for (const [token] of text.matchAll(pattern)) if (!/^\/[/*]/.test(token)) found.push(token);
  return found;
}

/** `source` names the file in errors. */
export function protoRoutes(text: string, source: string): Route[] {
  const words = tokens(text);
  let at = 0;
  let packageName = "";
  const services: Array<{ readonly name: string; readonly from: number; readonly to: number }> = [];
  while (at < words.length) {
    const word = words[at];
    if (word === "package") packageName = words[at + 1] ?? "";
    if (word === "service" && words[at + 2] === "{") {
      const end = closing(words, at + 2, source);
      services.push({ name: words[at + 1] ?? "", from: at + 3, to: end });
      at = end + 1;
    } else if (word === "{") at = closing(words, at, source) + 1;
    else at++;
  }
  if (services.length === 0) throw new MeshError("invalid-argument", `"${source}" defines no service`);
  return services.flatMap((service) =>
    methodsOf(words.slice(service.from, service.to), service.name, packageName, source),
  );
}

function methodsOf(words: readonly string[], service: string, packageName: string, source: string): Route[] {
  const routes: Route[] = [];
  for (let at = 0; at < words.length; at++) {
    if (words[at] !== "rpc") {
      if (words[at] === "{") at = closing(words, at, source);
      continue;
    }
    const name = words[at + 1] ?? "";
    // A method ends with ";" or with a block of options.
    let end = at;
    while (end < words.length && words[end] !== ";" && words[end] !== "{") end++;
    const options = words[end] === "{" ? words.slice(end, closing(words, end, source)) : [];
    const path = packageName === "" ? `/${service}/${name}` : `/${packageName}.${service}/${name}`;
    routes.push({ name, method: "POST", pathRegex: escapeRegex(path), isRetryable: isIdempotent(options) });
    at = end + Math.max(0, options.length);
  }
  return routes;
}

/** `option idempotency_level = IDEMPOTENT;`, or NO_SIDE_EFFECTS. */
function isIdempotent(options: readonly string[]): boolean {
  const at = options.findIndex((word) => word === "idempotency_level");
  if (at < 0) return false;
  const value = options.slice(at + 1).find((word) => /^\w/.test(word));
  return value === "IDEMPOTENT" || value === "NO_SIDE_EFFECTS";
}

/** The index of the brace that closes the one at `open`. */
function closing(words: readonly string[], open: number, source: string): number {
  let depth = 0;
  for (let at = open; at < words.length; at++) {
    if (words[at] === "{") depth++;
    else if (words[at] === "}" && --depth === 0) return at;
  }
  throw new MeshError("invalid-argument", `Could not read "${source}": a "{" is never closed`);
}
