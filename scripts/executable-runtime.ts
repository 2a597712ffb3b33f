/** The pinned runtime for each platform that executables are made for, from npm. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { MeshError } from "#lib/errors.ts";

const repository = resolve(import.meta.dir, "..");

/** Platform → the compiler's name for it and the npm package that has its runtime. */
export const platforms = {
  "linux-amd64": { target: "bun-linux-x64", package: "@oven/bun-linux-x64" },
  "linux-arm64": { target: "bun-linux-arm64", package: "@oven/bun-linux-aarch64" },
  "darwin-arm64": { target: "bun-darwin-arm64", package: "@oven/bun-darwin-aarch64" },
} as const satisfies Record<string, { target: string; package: string }>;

export type Platform = keyof typeof platforms;

export function isPlatform(name: string): name is Platform {
  return Object.hasOwn(platforms, name);
}

interface LockEntry {
  readonly version?: string;
  readonly integrity?: string;
}

/** What package-lock.json pins for a package. */
function locked(name: string): { readonly version: string; readonly integrity: string } {
  const lock = JSON.parse(readFileSync(join(repository, "package-lock.json"), "utf8")) as {
    readonly packages?: Readonly<Record<string, LockEntry>>;
  };
  const entry = lock.packages?.[`node_modules/${name}`];
  if (entry?.version === undefined || entry.integrity === undefined) {
    throw new MeshError("not-found", `package-lock.json does not pin "${name}"`);
  }
  return { version: entry.version, integrity: entry.integrity };
}

async function run(argv: readonly string[], cwd: string): Promise<string> {
  const child = Bun.spawn([...argv], { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) {
    throw new MeshError("unavailable", `"${argv.join(" ")}" failed: ${err.trim().split("\n").at(-1) ?? ""}`);
  }
  return out;
}

/** The path of the runtime for a platform: the installed one, else fetched once into .cache and checked against the lock file. */
export async function runtimeFor(platform: Platform): Promise<string> {
  const name = platforms[platform].package;
  const installed = join(repository, "node_modules", name, "bin/bun");
  if (existsSync(installed)) return installed;
  const { version, integrity } = locked(name);
  const kept = join(repository, ".cache/runtime", `${platform}-${version}`);
  if (existsSync(kept)) return kept;
  const cache = join(repository, ".cache/runtime");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "fetch-"));
  try {
    await run(["npm", "pack", "--silent", `${name}@${version}`], folder);
    const archive = readdirSync(folder).find((file) => file.endsWith(".tgz"));
    if (archive === undefined) throw new MeshError("unavailable", `npm has no archive of "${name}@${version}"`);
    const [algorithm = "", expected] = integrity.split(/-(.*)/s);
    const actual = createHash(algorithm)
      .update(readFileSync(join(folder, archive)))
      .digest("base64");
    if (actual !== expected) {
      throw new MeshError("internal", `"${name}@${version}" is not what package-lock.json pins: ${actual}`);
    }
    await run(["tar", "-xzf", archive, "package/bin/bun"], folder);
    renameSync(join(folder, "package/bin/bun"), kept);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return kept;
}
