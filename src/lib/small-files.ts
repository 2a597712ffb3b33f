/**
 * Small files of a proxy (identity, /proc) by the C library: node:fs takes 0.6 MB of private memory for the life of the
 * process, and the runtime's own writer can't say who may read a file. Errors are those of node:fs: an Error with `code`.
 */
import { readFileBytes, renameFile, writePrivateFile } from "./net/libc.ts";
import { errnoName } from "./net/net-error.ts";

/** Longest file that is read, bytes. */
const maxBytes = 1_048_576;

/** The whole file; throws for one that is longer than 1 MiB. */
export function readSmallFile(path: string, expected = 4096): Uint8Array {
  for (let limit = expected; ; limit *= 4) {
    const found = readFileBytes(path, limit);
    if (typeof found === "number") throw failure(found, "read", path);
    if (found.length < limit) return found;
    if (limit >= maxBytes) throw failure(27, "read", path);
  }
}

/** What this process was started with, the program first (proc_pid_cmdline(5)). */
export function ownCommandLine(): string[] {
  return Buffer.from(readSmallFile("/proc/self/cmdline")).toString("utf8").split("\0").slice(0, -1);
}

/** Replaces the file, or makes it, readable and writable by its owner alone. */
export function writeSmallFile(path: string, content: Uint8Array): void {
  const errno = writePrivateFile(path, content);
  if (errno !== 0) throw failure(errno, "write", path);
}

/** Like {@link writeSmallFile}; whoever reads finds the old file or the new one, never half of it. */
export function replaceSmallFile(path: string, content: Uint8Array): void {
  writeSmallFile(`${path}.new`, content);
  const errno = renameFile(`${path}.new`, path);
  if (errno !== 0) throw failure(errno, "rename", path);
}

function failure(errno: number, call: string, path: string): Error {
  const code = errnoName(errno);
  return Object.assign(new Error(`${code}: ${call} "${path}"`), { code });
}
