/**
 * Completes package-lock.json: a registry that lacks some optional platform package makes npm leave it out of the lock
 * file, and then `npm ci` refuses the file everywhere. Run it after `npm install` changed the lock file. Entries made
 * here name version and platform only; npm never fetches them on other platforms.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

interface LockEntry {
  version?: string;
  optional?: boolean;
  dev?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

interface Lock {
  packages: Record<string, LockEntry>;
}

const systems = ["linux", "darwin", "win32", "android", "freebsd", "netbsd", "openbsd", "sunos", "aix"];
const processors = [
  "arm64",
  "aarch64",
  "x64",
  "arm",
  "armv7",
  "ia32",
  "ppc64",
  "riscv64",
  "s390x",
  "loong64",
  "mips64el",
];

/** The platform that a package's name says: "@oxfmt/binding-linux-arm64-musl" is for linux on arm64. */
export function platformOf(name: string): { os: string[]; cpu: string[]; libc?: string[] } {
  const words = name.split(/[/-]/);
  const cpu = processors.find((candidate) => words.includes(candidate)) ?? "none";
  const processor = cpu === "aarch64" ? "arm64" : cpu === "armv7" ? "arm" : cpu;
  return {
    os: [systems.find((candidate) => words.includes(candidate)) ?? "none"],
    cpu: [processor],
    ...(words.includes("musl") ? { libc: ["musl"] } : {}),
  };
}

/** Adds what is missing; gives the names that were added. */
export function complete(lock: Lock): string[] {
  const added: string[] = [];
  for (const entry of Object.values(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const path = `node_modules/${name}`;
      if (lock.packages[path] !== undefined) continue;
      lock.packages[path] = {
        version,
        ...platformOf(name),
        ...(entry.dev === true ? { dev: true } : {}),
        optional: true,
      };
      added.push(name);
    }
  }
  const ordered = Object.entries(lock.packages).toSorted(([a], [b]) => (a < b ? -1 : 1));
  lock.packages = Object.fromEntries(ordered);
  return added;
}

if (import.meta.main) {
  const path = resolve(import.meta.dir, "../package-lock.json");
  const lock = JSON.parse(readFileSync(path, "utf8")) as Lock;
  const added = complete(lock);
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(added.length === 0 ? "package-lock.json is complete" : `added ${added.length}: ${added.join(", ")}`);
}
