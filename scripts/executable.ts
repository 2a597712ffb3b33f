/**
 * Compiles programs to one executable file: the runtime, the program and its data.
 *
 *   sh scripts/bun scripts/executable.ts [--out FILE] [--platform linux-amd64]      the file of `linkerd`
 *
 * The same sources give the same bytes, so that images and releases can be compared.
 */
import { mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { MeshError } from "#lib/errors.ts";
import { isPlatform, platforms, runtimeFor, type Platform } from "./executable-runtime.ts";

const repository = resolve(import.meta.dir, "..");

/**
 * How every program is compiled. The one place for it.
 *
 * - `--splitting`, with the dynamic imports of src/cli/programs.ts, keeps what a program doesn't use out of its memory.
 * - `--bytecode` saves parsing at the start: 20 ms of a command's 60; it costs 5 MB of file.
 * - `--smol` makes the collector run earlier: a third of the private memory under load at the same CPU per request.
 * - Nothing is read from the current folder (.env, bunfig.toml): a service must not be changed by a stray file.
 */
export const compileFlags: readonly string[] = [
  "--compile",
  "--minify",
  "--splitting",
  "--format=esm",
  "--bytecode",
  "--compile-exec-argv=--smol",
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
];

export interface ExecutableOptions {
  /** The program's main file. */
  readonly entry: string;
  readonly out: string;
  readonly platform: Platform;
}

/** Compiles `entry` to the file `out`. @returns its size in bytes. */
export async function buildExecutable(options: ExecutableOptions): Promise<number> {
  const out = resolve(options.out);
  // The name of the output is part of its content, so it is written beside under its own name and moved.
  const folder = `${out}.${process.pid}.tmp`;
  mkdirSync(folder, { recursive: true });
  const file = join(folder, basename(out));
  const runtime = await runtimeFor(options.platform);
  const child = Bun.spawn(
    [
      process.execPath,
      "build",
      ...compileFlags,
      `--target=${platforms[options.platform].target}`,
      `--compile-executable-path=${runtime}`,
      `--outfile=${file}`,
      resolve(options.entry),
    ],
    { cwd: repository, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const said = (await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])).join("");
  try {
    if ((await child.exited) !== 0) {
      throw new MeshError("internal", `Compiling "${options.entry}" for ${options.platform} failed: ${said.trim()}`);
    }
    mkdirSync(dirname(out), { recursive: true });
    renameSync(file, out);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return statSync(out).size;
}

/** The executable that users, pods and nodes run. */
export function linkerdExecutable(platform: Platform, out: string): Promise<number> {
  return buildExecutable({ entry: join(repository, "src/cli/main.ts"), out, platform });
}

/** The platform of this machine, or null when there is no build for it. */
export function hostPlatform(): Platform | null {
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  const name = `${process.platform}-${arch}`;
  return isPlatform(name) ? name : null;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: "string" }, platform: { type: "string" } } });
  const platform = values.platform ?? hostPlatform() ?? "";
  if (!isPlatform(platform)) {
    console.error(`Unknown platform "${platform}"; use one of ${Object.keys(platforms).join(", ")}`);
    process.exit(2);
  }
  const out = values.out ?? join(repository, "dist/executable", platform, "linkerd");
  const size = await linkerdExecutable(platform, out);
  console.log(`${out}  ${(size / 1e6).toFixed(1)} MB`);
}
