/** Durations as Go programs and Kubernetes write them. */

const part = /(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)/gy;
const milliseconds: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds of a duration such as "1000ms", "24h0m0s", "1.5s", "365d" or "0"; null when the text is none. */
export function parseDuration(text: string): number | null {
  if (text === "0") return 0;
  let total = 0;
  let end = 0;
  part.lastIndex = 0;
  for (let found = part.exec(text); found !== null; found = part.exec(text)) {
    total += Number(found[1]) * (milliseconds[found[2] ?? ""] ?? 0);
    end = part.lastIndex;
  }
  return end === text.length && end > 0 ? total : null;
}
