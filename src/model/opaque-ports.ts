/** Port lists as annotations and flags write them: "25,587,4000-4100". */
import { MeshError } from "#lib/errors.ts";

/** Inclusive, 1–65535, `from` ≤ `to`. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** Ports whose protocol is opaque unless told otherwise: SMTP, MySQL, Galera, PostgreSQL, Redis, Elasticsearch, Memcached. */
export const defaultOpaquePorts = "25,587,3306,4444,5432,6379,9300,11211";

/** Reads a port list; empty parts are ignored. Throws "invalid-argument" naming the part that is wrong. */
export function parsePortRanges(text: string): PortRange[] {
  const ranges: PortRange[] = [];
  for (const raw of text.split(",")) {
    const part = raw.trim();
    if (part === "") continue;
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    const from = Number(match?.[1] ?? Number.NaN);
    const to = Number(match?.[2] ?? from);
    if (!(from >= 1 && to <= 65535 && from <= to)) {
      throw new MeshError(
        "invalid-argument",
        `Port list "${text}" has the invalid part "${part}"; use ports 1-65535 or ranges such as 4000-4100`,
      );
    }
    ranges.push({ from, to });
  }
  return ranges;
}

export function includesPort(ranges: readonly PortRange[], port: number): boolean {
  return ranges.some((range) => port >= range.from && port <= range.to);
}
