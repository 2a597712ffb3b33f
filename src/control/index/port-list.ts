import { includesPort, type PortRange } from "#model/opaque-ports.ts";

/** Ports of an annotation; parts that mean nothing are kept apart for the log. */
export interface PortList {
  readonly ranges: readonly PortRange[];
  readonly invalid: readonly string[];
}

/**
 * Reads "25,mysql,4000-4100" as annotations of pods write it, where a name stands for the container port of that name. One
 * bad part must not make the others void: a database port that is suddenly parsed as HTTP breaks every connection.
 */
export function parsePortList(text: string, named: Readonly<Record<string, number>> = {}): PortList {
  const ranges: PortRange[] = [];
  const invalid: string[] = [];
  for (const raw of text.split(",")) {
    const part = raw.trim();
    if (part === "") continue;
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    const from = match === null ? named[part] : Number(match[1]);
    const to = match?.[2] === undefined ? from : Number(match[2]);
    if (from === undefined || to === undefined || from < 1 || to > 65535 || from > to) invalid.push(part);
    else ranges.push({ from, to });
  }
  return { ranges, invalid };
}

/** Whether `port` is listed by the first of the annotation values that is set, else by the default list. */
export function listedPort(
  port: number,
  annotations: ReadonlyArray<string | undefined>,
  fallback: readonly PortRange[],
  named: Readonly<Record<string, number>> = {},
): boolean {
  const set = annotations.find((value) => value !== undefined);
  return includesPort(set === undefined ? fallback : parsePortList(set, named).ranges, port);
}
