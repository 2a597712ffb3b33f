/** Port lists as annotations, values and flags write them: "25,587,4000-4100", for pods also "mysql". */
import { MeshError } from "./errors.ts";

/** Inclusive, `from` ≤ `to` ≤ 65535. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** Container ports by name, where a name may stand for a number. */
export type NamedPorts = Readonly<Record<string, number>>;

/** One port, range or name; null when it is none. */
function parsePart(part: string, least: number, named: NamedPorts): PortRange | null {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
  const from = match === null ? (Object.hasOwn(named, part) ? named[part] : undefined) : Number(match[1]);
  const to = match?.[2] === undefined ? from : Number(match[2]);
  if (from === undefined || to === undefined) return null;
  return from >= least && to <= 65535 && from <= to ? { from, to } : null;
}

const partsOf = (text: string): string[] =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");

/**
 * The ports of a list; empty parts are ignored. Throws "invalid-argument" naming the part that is wrong. `what` names the
 * list in the message, `least` is the smallest port (default 1; 0 where a rule may match any packet).
 */
export function parsePortRanges(
  text: string,
  { what = `Port list "${text}"`, least = 1 }: { readonly what?: string; readonly least?: number } = {},
): PortRange[] {
  return partsOf(text).map((part) => {
    const range = parsePart(part, least, {});
    if (range !== null) return range;
    throw new MeshError(
      "invalid-argument",
      `${what} has the invalid part "${part}"; use ports ${least}-65535 or ranges such as 4000-4100`,
    );
  });
}

/** Ports of an annotation; parts that mean nothing are kept apart for the log. */
export interface PortList {
  readonly ranges: readonly PortRange[];
  readonly invalid: readonly string[];
}

/**
 * Reads a list of somebody else's making. One bad part must not make the others void: a database port that is suddenly
 * parsed as HTTP breaks every connection.
 */
export function readPortList(text: string, named: NamedPorts = {}): PortList {
  const ranges: PortRange[] = [];
  const invalid: string[] = [];
  for (const part of partsOf(text)) {
    const range = parsePart(part, 1, named);
    if (range === null) invalid.push(part);
    else ranges.push(range);
  }
  return { ranges, invalid };
}

export function includesPort(ranges: readonly PortRange[], port: number): boolean {
  return ranges.some((range) => port >= range.from && port <= range.to);
}
