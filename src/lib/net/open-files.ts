/**
 * How many connections the process can afford. Out of descriptors the runtime's accept loop spins at half a CPU, so the
 * limit of connections is set below that.
 */
import { openFileSoftLimit } from "./libc.ts";

/** Descriptors kept for listeners, files, DNS, the control plane and the admin port. */
const reserve = 256;
/** The smallest limit that systems use by default. */
const usualLimit = 1024;

/** The soft limit of open files of this process, at most 1,048,576; 1024 where the system does not tell. */
export function openFileLimit(): number {
  return process.platform === "linux" ? (openFileSoftLimit() ?? usualLimit) : usualLimit;
}

/** Accepted connections that fit into `openFiles` descriptors, when each may open another one upstream; at least 16. */
export function maxConnections(openFiles: number = openFileLimit()): number {
  return Math.max(16, Math.floor((openFiles - reserve) / 2));
}
