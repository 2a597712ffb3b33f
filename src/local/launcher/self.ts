/** How to start this same program again: from its sources or as one compiled file. */
import { realpathSync, statSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { MeshError } from "#lib/errors.ts";

/** Where the program's files are and what runs them. */
export interface Self {
  /** The folder that has everything (a checkout, an npm package), or the folder of the compiled file. */
  readonly root: string;
  /** The runtime (or the compiled file), relative to `root`. */
  readonly executable: string;
  /** Everything is in `executable`. */
  readonly compiled: boolean;
  /** What comes before the program's own arguments; paths relative to `root` start with "./". */
  readonly prefix: readonly string[];
}

/** The compiled program's sources live in a virtual folder. */
function compiled(): boolean {
  return import.meta.path.startsWith("/$bunfs/");
}

export function findSelf(): Self {
  const executable = realpathSync(process.execPath);
  if (compiled()) return { root: dirname(executable), executable: basename(executable), compiled: true, prefix: [] };
  const root = realpathSync(join(import.meta.dirname, "../../.."));
  const inside = relative(root, executable);
  return {
    root,
    executable: inside.startsWith("..") ? executable : inside,
    compiled: false,
    prefix: ["--smol", "./src/cli/main.ts"],
  };
}

/** The command line that runs the program with `args` when its folder is visible at `root`. */
export function selfCommand(self: Self, root: string, args: readonly string[]): string[] {
  const place = (path: string): string => (path.startsWith("./") ? join(root, path) : path);
  const executable = self.executable.startsWith("/") ? self.executable : join(root, self.executable);
  return [executable, ...self.prefix.map(place), ...args];
}

/** Throws when the compiled program can't be run by other users, as which pods run: a copy made with a strict umask. */
export function requireRunnable(self: Self): void {
  if (!self.compiled) return;
  const path = join(self.root, self.executable);
  if ((statSync(path).mode & 0o005) === 0o005) return;
  throw new MeshError("environment", `Pods run as other users, who may not run "${path}"; type: chmod 755 "${path}"`);
}
