/** https://gateway-api.sigs.k8s.io/geps/gep-2257/ in ms; null for none and for 0, which means the same. */
export function parseGepDuration(text: string | undefined): number | null {
  if (text === undefined) return null;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/(\d+)(ms|h|m|s)/g)) {
    total += Number(number) * ({ ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit ?? ""] ?? 0);
  }
  return total === 0 ? null : total;
}
