/**
 * How many connections the process can afford. Out of descriptors the runtime's accept loop spins at half a CPU, so the
 * limit of connections is set below that.
 */
import { readFileSync } from "node:fs";
import { MeshError } from "../errors.ts";

/** Descriptors kept for listeners, files, DNS, the control plane and the admin port. */
const reserve = 256;

/** The soft limit of open files of this process (getrlimit(2)); 1024 where the system does not tell. */
export function openFileLimit(): number {
  try {
    return parseLimits(readFileSync("/proc/self/limits", "utf8"));
  } catch (error) {
    if (error instanceof MeshError || !(error instanceof Error)) throw error;
    // Not Linux: the smallest limit that systems use by default.
    return 1024;
  }
}

/** Reads the text of /proc/PID/limits. */
export function parseLimits(text: string): number {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(text)?.[1];
  if (soft === undefined) throw new MeshError("internal", "No limit of open files in /proc/self/limits");
  return soft === "unlimited" ? 1_048_576 : Number(soft);
}

/** Accepted connections that fit into `openFiles` descriptors, when each may open another one upstream; at least 16. */
export function maxConnections(openFiles: number = openFileLimit()): number {
  return Math.max(16, Math.floor((openFiles - reserve) / 2));
}
