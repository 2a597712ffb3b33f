/** Thousandths of a weight: a number, or a Kubernetes quantity such as "500m", "1" or "2k". 0 for what is none. */
export function milliWeight(weight: number | string): number {
  if (typeof weight === "number") return Math.max(0, Math.round(weight * 1000)) || 0;
  const match = /^(\d+(?:\.\d*)?|\.\d+)(m|k)?$/.exec(weight);
  const scale = match?.[2] === "m" ? 1 : match?.[2] === "k" ? 1_000_000 : 1000;
  return match === null ? 0 : Math.round(Number(match[1]) * scale);
}
