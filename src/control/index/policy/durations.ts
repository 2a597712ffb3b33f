import { parseDuration } from "#lib/duration.ts";

/** https://gateway-api.sigs.k8s.io/geps/gep-2257/ in ms; null for none and for 0, which means the same. */
export function parseGepDuration(text: string | undefined): number | null {
  const value = text === undefined ? null : parseDuration(text);
  return value === 0 ? null : value;
}
