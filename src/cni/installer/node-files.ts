/** Files on the node, changed so that no reader sees half of one. */
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { type ConfigFile, type FileChange, isConfigName } from "./conf-list.ts";

/** Before a file gets its name; hidden, so that no runtime takes it for a configuration. */
const temporaryName = (name: string): string => `.${name}.linkerd-tmp`;

/** Files bigger than that are no network configuration. */
const textLimit = 1024 * 1024;

/** The permissions of a file; null: there is none. */
export function modeOf(path: string): number | null {
  return existsSync(path) ? statSync(path).mode & 0o777 : null;
}

function sync(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Writes a file as a whole. */
export function writeWhole(folder: string, name: string, text: string, mode: number): void {
  const temporary = join(folder, temporaryName(name));
  // What a broken-off write left may be anything: a link, or a file that all may read.
  rmSync(temporary, { force: true });
  const fd = openSync(temporary, "wx", 0o600);
  try {
    writeFileSync(fd, text);
    // Whatever the umask says.
    fchmodSync(fd, mode);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, join(folder, name));
}

/** Copies an executable; one that runs meanwhile goes on with the old file. */
export function copyExecutable(source: string, folder: string, name: string): void {
  mkdirSync(folder, { recursive: true });
  const temporary = join(folder, temporaryName(name));
  rmSync(temporary, { force: true });
  copyFileSync(source, temporary, constants.COPYFILE_FICLONE);
  const fd = openSync(temporary, "r");
  try {
    fchmodSync(fd, 0o755);
  } finally {
    closeSync(fd);
  }
  sync(temporary);
  renameSync(temporary, join(folder, name));
}

/** Every regular file of the folder; an absent folder is empty. */
export function readTexts(folder: string): ConfigFile[] {
  if (!existsSync(folder)) return [];
  const files: ConfigFile[] = [];
  const configurations = new Set<string>();
  for (const name of readdirSync(folder).toSorted()) {
    const path = join(folder, name);
    try {
      const stat = statSync(path);
      if (!stat.isFile() || stat.size > textLimit) continue;
      if (isConfigName(name)) {
        // Of two names of one file the runtime takes the first, and what is put in there must not be taken out here.
        const real = realpathSync(path);
        if (configurations.has(real)) continue;
        configurations.add(real);
      }
      files.push({ name, text: readFileSync(path, "utf8") });
    } catch (thrown) {
      // Its owner replaces it at this moment; the next look sees the new one.
      if ((thrown as { code?: unknown }).code !== "ENOENT") throw thrown;
    }
  }
  return files;
}

export function applyChange(folder: string, change: FileChange): void {
  if (change.kind === "write") {
    const path = join(folder, change.name);
    // A link stays one: whoever put it there writes the file that it leads to.
    const target = existsSync(path) ? realpathSync(path) : path;
    // Its owner's permissions stay.
    writeWhole(dirname(target), basename(target), change.text, modeOf(target) ?? 0o644);
  } else if (change.kind === "rename") renameSync(join(folder, change.from), join(folder, change.to));
  else rmSync(join(folder, change.name), { force: true });
}
