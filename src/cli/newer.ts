/** Which of two versions is the newer one. */

/** Whether dotted numbers say that `a` comes after `b`; what has no numbers is not newer. */
export function isNewer(a: string, b: string): boolean {
  const [left, right] = [a, b].map((version) => version.match(/\d+/g)?.map(Number) ?? []);
  for (let at = 0; at < Math.max(left!.length, right!.length); at++) {
    const difference = (left![at] ?? 0) - (right![at] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}
