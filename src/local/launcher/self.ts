/** How to start this same program again: from its sources or as one compiled file. */
import { realpathSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** Where the program's files are and what runs them. */
export interface Self {
  /** The folder that has everything (a checkout, an npm package), or the folder of the compiled file. */
  readonly root: string;
  /** The runtime (or the compiled file), relative to `root`. */
  readonly executable: string;
  /** What comes before the program's own arguments; paths relative to `root` start with "./". */
  readonly prefix: readonly string[];
}

/** The compiled program's sources live in a virtual folder. */
function compiled(): boolean {
  return import.meta.path.startsWith("/$bunfs/");
}

export function findSelf(): Self {
  const executable = realpathSync(process.execPath);
  if (compiled())
    return { root: dirname(executable), executable: executable.slice(dirname(executable).length + 1), prefix: [] };
  const root = realpathSync(join(import.meta.dirname, "../../.."));
  const inside = relative(root, executable);
  return { root, executable: inside.startsWith("..") ? executable : inside, prefix: ["--smol", "./src/cli/main.ts"] };
}

/** The command line that runs the program with `args` when its folder is visible at `root`. */
export function selfCommand(self: Self, root: string, args: readonly string[]): string[] {
  const place = (path: string): string => (path.startsWith("./") ? join(root, path) : path);
  const executable = self.executable.startsWith("/") ? self.executable : join(root, self.executable);
  return [executable, ...self.prefix.map(place), ...args];
}
