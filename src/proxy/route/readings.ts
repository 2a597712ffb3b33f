/**
 * What servers may take a path for. A proxy compares the bytes that it passes on; many servers first decode, merge
 * slashes or resolve dot segments, each in a way of its own. Where that could change which rule applies, no rule does:
 * so a rule for "/admin" can't be passed by "/a/..%2fadmin" (https://datatracker.ietf.org/doc/html/rfc3986#section-6).
 */

/** Something in it that servers read differently. */
const suspicious = /%|\\|;|\/\/|\/\.{1,2}(?:\/|$)/;

/** What servers do with a path, one after another in any order, some of it more than once behind other servers. */
const habits: ReadonlyArray<(path: string) => string> = [
  decodeOnce,
  (path) => path.replaceAll(/;[^/]*/g, ""),
  (path) => path.replaceAll("\\", "/"),
  (path) => path.replaceAll(/\/{2,}/g, "/"),
  withoutDots,
];

/** A path that can be read in more ways is nobody's. */
const maxReadings = 64;
/** Characters of all readings together; with more it is nobody's either: reading them must not take longer than the request. */
const maxCharacters = 32_768;

/** Every other way to read `path`, without a repetition and without `path` itself; nearly always none. Null: no rule may match it. */
export function otherReadings(path: string): readonly string[] | null {
  if (!suspicious.test(path)) return [];
  const readings = new Set([path]);
  let characters = 0;
  // Grows while it is walked, until no habit brings anything new: each of them makes a path shorter or leaves it as long.
  for (const reading of readings) {
    characters += reading.length;
    if (characters > maxCharacters || readings.size > maxReadings || reading.includes("\0")) return null;
    for (const habit of habits) readings.add(habit(reading));
  }
  readings.delete(path);
  return [...readings];
}

/** Bytes, as the head has them; what is no escape stays. */
function decodeOnce(text: string): string {
  return text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** RFC 3986 §5.2.4. */
function withoutDots(path: string): string {
  const out: string[] = [];
  const segments = path.split("/");
  for (const [at, segment] of segments.entries()) {
    const last = at === segments.length - 1;
    if (segment === "..") {
      if (out.length > 1) out.pop();
    } else if (segment !== ".") {
      out.push(segment);
      continue;
    }
    if (last) out.push("");
  }
  return out.join("/");
}
