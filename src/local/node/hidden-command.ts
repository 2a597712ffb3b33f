/**
 * Command lines that must not show in the machine's process list: they carry a container's environment, with what came
 * from Secrets. The command is handed to a shell as an open file that has no name any more.
 */
import { closeSync, openSync, unlinkSync, writeFileSync } from "node:fs";

/** One word for a POSIX shell. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * Calls `spawn` with the descriptor of a file whose content is `exec WORDS`. The shell finds it as descriptor `asFd` and
 * runs it by `. /proc/self/fd/N`; the program doesn't inherit it.
 */
export function withHiddenCommand<T>(argv: readonly string[], asFd: number, spawn: (fd: number) => T): T {
  const path = `/run/linkerd-local/${crypto.randomUUID()}`;
  writeFileSync(path, `exec ${argv.map(quote).join(" ")} ${asFd}<&-\n`, { mode: 0o600, flag: "wx" });
  const fd = openSync(path, "r");
  unlinkSync(path);
  try {
    return spawn(fd);
  } finally {
    closeSync(fd);
  }
}
