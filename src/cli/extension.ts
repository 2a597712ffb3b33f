/** Extensions: an unknown first word runs `linkerd-<word>` from PATH with the rest of the command line. */

/** Runs the extension and gives its exit code, or null when there is none of that name. */
export async function runExtension(word: string, rest: readonly string[]): Promise<number | null> {
  if (!/^[a-z][a-z0-9-]*$/.test(word)) return null;
  const path = Bun.which(`linkerd-${word}`);
  if (path === null) return null;
  const child = Bun.spawn([path, ...rest], { stdin: "inherit", stdout: "inherit", stderr: "inherit" });
  return await child.exited;
}
