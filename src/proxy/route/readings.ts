/**
 * What servers may take a path for. A proxy compares the bytes that it passes on; many servers first decode, merge
 * slashes or resolve dot segments, each in a way of its own. Where that could change which rule applies, no rule does:
 * so a rule for "/admin" can't be passed by "/a/..%2fadmin" (https://datatracker.ietf.org/doc/html/rfc3986#section-6).
 */

/** Something in it that servers read differently. */
const suspicious = /%|\\|;|\/\/|\/\.{1,2}(?:\/|$)/;

/** Every other way to read `path`, without a repetition and without `path` itself; nearly always none. Null: no rule may match it. */
export function otherReadings(path: string): readonly string[] | null {
  if (!suspicious.test(path)) return [];
  const readings = new Set<string>();
  let decoded = path;
  // Twice, for servers behind servers.
  for (let pass = 0; pass < 3; pass++) {
    if (decoded.includes("\0")) return null;
    for (const bare of variants(decoded, (text) => text.replaceAll(/;[^/]*/g, ""))) {
      for (const slashed of variants(bare, (text) => text.replaceAll("\\", "/"))) {
        for (const merged of variants(slashed, (text) => text.replaceAll(/\/{2,}/g, "/"))) {
          readings.add(merged);
          readings.add(withoutDots(merged));
        }
      }
    }
    decoded = decodeOnce(decoded);
  }
  readings.delete(path);
  return [...readings];
}

function variants(text: string, change: (text: string) => string): readonly string[] {
  const changed = change(text);
  return changed === text ? [text] : [text, changed];
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
