/** Finds the shared libraries of a program in a file tree, by what the files themselves say that they need. */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { MeshError } from "#lib/errors.ts";
import { readElf } from "./elf.ts";
import type { Arch } from "./oci.ts";
import type { TarEntry } from "./tar.ts";

const triplets: Readonly<Record<Arch, string>> = { amd64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };

/** Where distributions keep libraries. */
function folders(arch: Arch): string[] {
  const triplet = triplets[arch];
  return [`lib/${triplet}`, `usr/lib/${triplet}`, "lib64", "usr/lib64", "lib", "usr/lib"];
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** Everything that `program` loads, as entries at the paths where the loader looks. */
export function libraryEntries(root: string, arch: Arch, program: Uint8Array): TarEntry[] {
  const entries = new Map<string, TarEntry>();
  const wanted: Array<readonly [library: string, by: string]> = [];
  const read = (bytes: Uint8Array, path: string): void => {
    const elf = readElf(bytes, path);
    if (elf.machine !== arch) throw new MeshError("invalid-argument", `"${path}" is for ${elf.machine}, not ${arch}`);
    for (const library of elf.libraries) wanted.push([library, path]);
    if (elf.interpreter !== null) addLoader(elf.interpreter);
  };
  const addLoader = (interpreter: string): void => {
    const path = interpreter.slice(1);
    if (entries.has(path)) return;
    // /lib64/ld-linux-x86-64.so.2 leads to the real file by links that the image doesn't have.
    const source = [join(root, path), join(root, `lib/${triplets[arch]}`, basename(path))].find(isFile);
    if (source === undefined) throw new MeshError("not-found", `The loader "${interpreter}" is not in "${root}"`);
    entries.set(path, { kind: "file", path, mode: 0o755, data: readFileSync(realpathSync(source)) });
  };
  read(program, "linkerd");
  for (let next = wanted.shift(); next !== undefined; next = wanted.shift()) {
    const [library, by] = next;
    // The C library names the loader as a library; it is there already.
    if (library.startsWith("ld-linux")) continue;
    const path = `lib/${triplets[arch]}/${library}`;
    if (entries.has(path)) continue;
    const source = folders(arch)
      .map((folder) => join(root, folder, library))
      .find(isFile);
    if (source === undefined)
      throw new MeshError("not-found", `"${library}", which "${by}" needs, is not in "${root}"`);
    const data = readFileSync(source);
    entries.set(path, { kind: "file", path, mode: 0o755, data });
    read(data, library);
  }
  return [...entries.values()];
}
