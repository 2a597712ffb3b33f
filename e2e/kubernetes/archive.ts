/** Container images for tests, made of files of this machine: one layer, written as the tar that `ctr images import` takes. */
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { MeshError } from "#lib/errors.ts";
import { command } from "./command.ts";

export interface ImageSettings {
  /** With tag: "linkerd.local/toolbox:v1". */
  readonly name: string;
  readonly entrypoint: readonly string[];
}

/** Packs a folder as an image into `file`. */
export async function writeImage(file: string, root: string, settings: ImageSettings): Promise<void> {
  const folder = `${file}.d`;
  mkdirSync(folder, { recursive: true });
  const same = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
  await command(["tar", "-C", root, ...same, "-cf", join(folder, "layer.tar"), "."]);
  const layer = createHash("sha256")
    .update(readFileSync(join(folder, "layer.tar")))
    .digest("hex");
  writeFileSync(
    join(folder, "config.json"),
    JSON.stringify({
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      config: { Entrypoint: settings.entrypoint, Env: ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"] },
      rootfs: { type: "layers", diff_ids: [`sha256:${layer}`] },
    }),
  );
  writeFileSync(
    join(folder, "manifest.json"),
    JSON.stringify([{ Config: "config.json", RepoTags: [settings.name], Layers: ["layer.tar"] }]),
  );
  await command(["tar", "-C", folder, ...same, "-cf", file, "config.json", "layer.tar", "manifest.json"]);
  rmSync(folder, { recursive: true });
}

function program(name: string): string {
  const path = Bun.which(name);
  if (path === null) throw new MeshError("environment", `"${name}" is not on this machine; the test images need it`);
  return realpathSync(path);
}

/** Copies a program into `root` at `to`, with the libraries it loads at the places where the loader looks for them. */
async function addProgram(root: string, name: string, to: string): Promise<void> {
  const from = program(name);
  place(from, join(root, to));
  const { stdout } = Bun.spawnSync(["ldd", from]);
  for (const [library] of stdout.toString().matchAll(/\/\S+/g)) {
    if (!existsSync(join(root, library))) place(realpathSync(library), join(root, library));
  }
}

function place(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}

/** What kubelet runs to hold a pod's namespaces. */
export async function writePauseImage(file: string, name: string): Promise<void> {
  const root = `${file}.root`;
  await addProgram(root, "busybox", "busybox");
  await writeImage(file, root, { name, entrypoint: ["/busybox", "sleep", "2147483647"] });
  rmSync(root, { recursive: true });
}

/** A shell with the usual small programs, and curl: what scenarios run in pods without a program of their own. */
export async function writeToolboxImage(file: string, name: string): Promise<void> {
  const root = `${file}.root`;
  await addProgram(root, "busybox", "bin/busybox");
  const applets = (await command([program("busybox"), "--list"])).split("\n");
  for (const applet of applets) {
    if (applet !== "" && applet !== "busybox") symlinkSync("busybox", join(root, "bin", applet));
  }
  await addProgram(root, "curl", "usr/bin/curl");
  for (const folder of ["tmp", "etc", "proc", "sys", "dev"]) mkdirSync(join(root, folder), { recursive: true });
  await command(["chmod", "1777", join(root, "tmp")]);
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/tmp:/bin/sh\napp:x:1000:1000:app:/tmp:/bin/sh\n");
  await writeImage(file, root, { name, entrypoint: ["/bin/sh"] });
  rmSync(root, { recursive: true });
}
