import { includesPort, type NamedPorts, type PortRange, readPortList } from "#lib/port-list.ts";

/** Whether `port` is listed by the first of the annotation values that is set, else by the default list. */
export function listedPort(
  port: number,
  annotations: ReadonlyArray<string | undefined>,
  fallback: readonly PortRange[],
  named: NamedPorts = {},
): boolean {
  const set = annotations.find((value) => value !== undefined);
  return includesPort(set === undefined ? fallback : readPortList(set, named).ranges, port);
}
