/**
 * Where an image's shared libraries come from: Debian packages of the wanted architecture, fetched with apt into a folder
 * under .cache, with nothing installed on this machine. apt picks the packages that the wanted ones depend on.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { errorChain, MeshError } from "#lib/errors.ts";
import { hostPlatform } from "../executable.ts";
import type { Arch } from "./oci.ts";

const cache = resolve(import.meta.dir, "../../.cache/image");

/** The C library that the runtime is linked with; it has nothing else. */
const packages = ["libc6"];

/** A file tree with libraries and programs. */
export interface Sysroot {
  /** "/" for this machine's own files. */
  readonly root: string;
  /** For the report: what the files are from. */
  readonly origin: string;
}

async function run(argv: readonly string[], cwd: string): Promise<string> {
  let child;
  try {
    child = Bun.spawn([...argv], { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe", env: environment() });
  } catch (cause) {
    throw new MeshError("environment", `Starting "${argv[0]}" failed; building images needs apt and dpkg`, { cause });
  }
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) {
    const last = err.trim().split("\n").at(-1) ?? "";
    throw new MeshError("unavailable", `"${argv.slice(0, 1).join(" ")} … ${argv.at(-1)}" failed: ${last}`);
  }
  return out;
}

function environment(): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
    LC_ALL: "C",
    DEBIAN_FRONTEND: "noninteractive",
  };
}

/** apt with a state of its own: no package counts as installed, only `arch` exists, this machine's state is not touched. */
function aptOptions(folder: string, arch: Arch): string[] {
  const debian = "/etc/apt/sources.list.d/debian.sources";
  const sources = process.env["LINKERD_IMAGE_SOURCES"] ?? (existsSync(debian) ? debian : "/etc/apt/sources.list");
  return [
    `Dir::State=${folder}`,
    `Dir::State::lists=${folder}/lists`,
    `Dir::State::status=${folder}/status`,
    `Dir::Cache=${folder}/cache`,
    `Dir::Etc::SourceList=${sources}`,
    "Dir::Etc::SourceParts=-",
    `APT::Architecture=${arch}`,
    `APT::Architectures=${arch}`,
    "APT::Sandbox::User=root",
    "APT::Install-Recommends=false",
    "Acquire::Languages=none",
    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
    "Debug::NoLocking=true",
  ].flatMap((option) => ["-o", option]);
}

/**
 * Where the libraries for `arch` are: Debian's packages, else this machine's own files when it has that architecture and
 * the packages can't be had (no apt, no mirror). The images then differ from machine to machine, so the origin says it.
 */
export async function findSysroot(arch: Arch): Promise<Sysroot> {
  try {
    return await debianSysroot(arch);
  } catch (thrown) {
    if (hostPlatform() === `linux-${arch}`) {
      return { root: "/", origin: `this machine's files, because ${errorChain(thrown)}` };
    }
    throw new MeshError("unavailable", `There are no libraries for ${arch}; leave it out with --arch`, {
      cause: thrown,
    });
  }
}

/** The tree of Debian's packages for `arch`, fetched at the first use. Delete .cache/image to get newer ones. */
async function debianSysroot(arch: Arch): Promise<Sysroot> {
  const root = join(cache, `${packages.join("+")}-${arch}`);
  const list = join(root, "packages.txt");
  if (!existsSync(list)) await fetchPackages(arch, root);
  const lines = (await Bun.file(list).text()).trim().split("\n");
  return { root, origin: `Debian packages ${lines.join(", ")}` };
}

async function fetchPackages(arch: Arch, root: string): Promise<void> {
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "apt-"));
  try {
    for (const folder of ["lists/partial", "cache/archives/partial", "tree"]) {
      mkdirSync(join(work, folder), { recursive: true });
    }
    writeFileSync(join(work, "status"), "");
    const options = aptOptions(work, arch);
    await run(["apt-get", ...options, "--quiet", "update"], work);
    await run(["apt-get", ...options, "--quiet", "--yes", "--download-only", "install", ...packages], work);
    const archives = join(work, "cache/archives");
    const names: string[] = [];
    for (const file of readdirSync(archives)
      .filter((name) => name.endsWith(".deb"))
      .toSorted()) {
      await run(["dpkg-deb", "--extract", join(archives, file), join(work, "tree")], work);
      names.push(decodeURIComponent(file.replace(/_[a-z0-9]+\.deb$/, "")).replace("_", "="));
    }
    if (names.length === 0) throw new MeshError("unavailable", `apt found no packages for ${arch}`);
    writeFileSync(join(work, "tree/packages.txt"), `${names.join("\n")}\n`);
    rmSync(root, { recursive: true, force: true });
    renameSync(join(work, "tree"), root);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
