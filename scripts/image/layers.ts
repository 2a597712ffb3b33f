/** The layers that all images of one architecture share: what the program needs below, the program on top. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { linkerdExecutable } from "../executable.ts";
import { baseEntries, licenceEntries } from "./contents.ts";
import { fileCapabilities } from "./file-capabilities.ts";
import { libraryEntries } from "./libraries.ts";
import { makeLayer, type Arch, type Layer } from "./oci.ts";
import { findSysroot } from "./sysroot.ts";

const repository = resolve(import.meta.dir, "../..");

export interface SharedLayers {
  readonly layers: readonly Layer[];
  /** The file that was compiled. */
  readonly executable: string;
  /** Where the libraries are from. */
  readonly origin: string;
}

export async function sharedLayers(arch: Arch): Promise<SharedLayers> {
  const file = join(repository, "dist/executable", `linux-${arch}`, "linkerd");
  await linkerdExecutable(`linux-${arch}`, file);
  const executable = readFileSync(file);
  const sysroot = await findSysroot(arch);
  const base = makeLayer([
    ...baseEntries(),
    ...libraryEntries(sysroot.root, arch, executable),
    ...licenceEntries(sysroot.root),
  ]);
  const program = makeLayer([
    {
      kind: "file",
      path: "usr/bin/linkerd",
      mode: 0o755,
      data: executable,
      // The init container runs as a plain user, who loses NET_ADMIN at exec unless the program's file has it.
      capabilities: fileCapabilities(["NET_ADMIN"]),
    },
  ]);
  return { layers: [base, program], executable: file, origin: sysroot.origin };
}
