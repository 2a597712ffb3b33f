/** Where the private memory of a process is: its anonymous pages by kind of mapping, from /proc/PID/smaps (proc(5)). */
import { readFileSync } from "node:fs";

const gib = 2 ** 30;

/** Names by what the runtime is known to map; `size` in bytes. */
function kindOf(name: string, permissions: string, size: number): string {
  if (name === "[stack]" || name === "[heap]") return name;
  if (name !== "") return name.includes("/lib/") ? "libraries' data" : "program's data";
  if (permissions.includes("x")) return "compiled code";
  // 4 GiB are reserved for the shapes of objects, 1 GiB for everything that is allocated.
  if (size >= 4 * gib) return "shapes";
  if (size >= gib) return "heap";
  return "others (stacks, tables)";
}

/** KiB of anonymous pages by kind. */
export function mappings(smaps: string): Map<string, number> {
  const kinds = new Map<string, number>();
  let kind = "";
  for (const line of smaps.split("\n")) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)$/.exec(line);
    if (head !== null) {
      const [, start = "", end = "", permissions = "", name = ""] = head;
      kind = kindOf(name, permissions, Number.parseInt(end, 16) - Number.parseInt(start, 16));
      continue;
    }
    const anonymous = /^Anonymous:\s+(\d+) kB$/.exec(line);
    if (anonymous !== null && anonymous[1] !== "0") kinds.set(kind, (kinds.get(kind) ?? 0) + Number(anonymous[1]));
  }
  return kinds;
}

/** "heap 8.1 MiB, compiled code 0.3 MiB, …", largest first; empty when the process is gone. */
export function mappingLine(pid: number): string {
  try {
    const kinds = [...mappings(readFileSync(`/proc/${pid}/smaps`, "latin1"))].toSorted((a, b) => b[1] - a[1]);
    return kinds.map(([kind, kib]) => `${kind} ${(kib / 1024).toFixed(1)} MiB`).join(", ");
  } catch {
    return "";
  }
}
